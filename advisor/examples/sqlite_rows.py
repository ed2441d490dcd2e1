"""Rows written to one SQLite database: items that wait for each other's lock.

SQLite lets one writer in at a time; a transaction takes the write lock before its first row and
waits for it. Rows are replaced by key, so the table's contents are the same after any number of
runs, and the database stays in the system's temporary folder.
"""

import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from dagster import ConfigurableResource, Definitions, DynamicOut, DynamicOutput, job, op

STATIONS = 10
READINGS_PER_STATION = 20_000


class ReadingStore(ConfigurableResource[Any]):
    """Where the readings are kept; ``path`` empty means a file in the temporary folder."""

    path: str = ""
    lock_timeout_s: float = 60.0

    def connect(self) -> sqlite3.Connection:
        """A connection of its own, with the table in place."""
        name = f"dynadvise-example-readings-{os.getuid()}.db"
        path = self.path or str(Path(tempfile.gettempdir()) / name)
        connection = sqlite3.connect(path, timeout=self.lock_timeout_s, isolation_level=None)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS readings ("
            "station INTEGER, hour INTEGER, millimetres INTEGER, PRIMARY KEY (station, hour))"
            " WITHOUT ROWID"
        )
        return connection


@op(out=DynamicOut(int))
def list_stations() -> Iterator[DynamicOutput[int]]:
    """Yield the stations' numbers."""
    for station in range(STATIONS):
        yield DynamicOutput(station, mapping_key=f"station_{station}")


@op
def write_readings(station: int, store: ReadingStore) -> int:
    """Write one station's readings in one transaction; return how many."""
    rows = [(station, hour, (hour * (station + 3)) % 97) for hour in range(READINGS_PER_STATION)]
    with closing(store.connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
    return len(rows)


@op
def summarize_readings(written: list[int], store: ReadingStore) -> dict[str, int]:
    """Count and add up what the stations wrote."""
    with closing(store.connect()) as connection:
        count, millimetres = connection.execute(
            "SELECT COUNT(*), SUM(millimetres) FROM readings WHERE station < ?", (len(written),)
        ).fetchone()
    return {"written": sum(written), "rows": count, "millimetres": millimetres}


@job(resource_defs={"store": ReadingStore()})
def sqlite_job() -> None:
    """Write each station's readings, then summarize the table."""
    summarize_readings(list_stations().map(write_readings).collect())


defs = Definitions(jobs=[sqlite_job])

if __name__ == "__main__":
    sys.stdout.write(f"{sqlite_job.execute_in_process().output_for_node('summarize_readings')}\n")
