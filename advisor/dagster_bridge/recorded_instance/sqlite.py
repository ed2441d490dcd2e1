"""The runs of an instance on SQLite: where its files lie, and what stands in them."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from advisor.dagster_bridge.event_log.rows import (
    BACKFILL_TAG,
    MOST_OF_BACKFILL,
    SHORTEST_RUN_ID,
    TOLD_BY_ONE_PAYLOAD,
    TOLD_BY_PAYLOAD,
    EventRow,
    RunRow,
    run_row_from_body,
    timestamp_s,
)
from advisor.dagster_bridge.recorded_instance.schema import check_table
from advisor.dagster_bridge.sqlite_reading import read_sqlite
from advisor.dagster_bridge.yaml_file import with_environment
from advisor.domain.errors import DynadviseError

Value = TypeVar("Value")

_RUN_COLUMNS = frozenset({"run_id", "pipeline_name", "status", "run_body", "create_timestamp"})
_EVENT_COLUMNS = frozenset({"id", "run_id", "event", "dagster_event_type", "timestamp", "step_key"})


@dataclass(frozen=True, slots=True)
class SqlitePlaces:
    """Where the SQLite files of an instance lie.

    Attributes:
        runs: The database of runs.
        events: A folder with one database a run, or one database for all.
    """

    runs: Path
    events: Path


def sqlite_places(directory: Path, config: Mapping[str, Any]) -> SqlitePlaces | None:
    """Where the instance's SQLite files lie; None where its storage is not SQLite."""
    history = directory / "history"
    places = SqlitePlaces(runs=history / "runs.db", events=history / "runs")
    storage = config.get("storage")
    if isinstance(storage, dict) and storage:
        if set(storage) != {"sqlite"}:
            return None
        base = _base(directory, storage["sqlite"]) / "history"
        return SqlitePlaces(runs=base / "runs.db", events=base / "runs")
    runs, events = config.get("run_storage"), config.get("event_log_storage")
    if isinstance(runs, dict):
        if runs.get("class") != "SqliteRunStorage":
            return None
        places = SqlitePlaces(_base(directory, runs.get("config")) / "runs.db", places.events)
    if isinstance(events, dict):
        base = _base(directory, events.get("config"))
        if events.get("class") == "SqliteEventLogStorage":
            places = SqlitePlaces(places.runs, base)
        elif events.get("class") == "ConsolidatedSqliteEventLogStorage":
            places = SqlitePlaces(places.runs, base / "event_log.db")
        else:
            return None
    return places


def _base(directory: Path, config: object) -> Path:
    """The folder of a ``base_dir``, which may be given as ``{env: NAME}``."""
    settings = directory / "dagster.yaml"
    try:
        base = with_environment(config.get("base_dir")) if isinstance(config, dict) else None
    except KeyError as missing:
        raise DynadviseError(
            "dagster.yaml takes its storage folder from the environment variable "
            f"{missing.args[0]}, which is not set.",
            where=str(settings),
        ) from None
    if not isinstance(base, str):
        raise DynadviseError("The storage in dagster.yaml has no base_dir.", where=str(settings))
    return Path(base)


class SqliteRecording:
    """The runs of an instance on SQLite, read without changing anything."""

    def __init__(self, places: SqlitePlaces) -> None:
        self._places = places

    def check(self) -> None:
        """Raise a :class:`DynadviseError` where the database of runs cannot be read."""
        _read(self._places.runs, lambda _: None, table="runs", columns=_RUN_COLUMNS)

    def run_row(self, run_id: str) -> RunRow | None:
        """The run of that id (or of its only run whose id starts so), None where there is none."""
        rows = self._runs("run_id = ?", (run_id,), 1)
        if not rows and len(run_id) >= SHORTEST_RUN_ID and run_id.replace("-", "").isalnum():
            rows = self._runs("run_id LIKE ?", (f"{run_id}%",), 2)
        return rows[0] if len(rows) == 1 else None

    def run_rows(self, job: str | None, last: int) -> list[RunRow]:
        """The newest runs, newest first."""
        if job is None:
            return self._runs("1", (), last)
        return self._runs("pipeline_name = ?", (job,), last)

    def backfill_rows(self, backfill_id: str) -> list[RunRow]:
        """The runs of a backfill, newest first."""
        tagged = "run_id IN (SELECT run_id FROM run_tags WHERE key = ? AND value = ?)"
        return self._runs(tagged, (BACKFILL_TAG, backfill_id), MOST_OF_BACKFILL)

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run; none where its log does not exist (never started, or deleted)."""
        events = self._places.events
        path = events / f"{run_id}.db" if events.suffix != ".db" else events
        if not path.is_file():
            return iter(())
        rows = _read(
            path,
            lambda connection: _event_rows(connection, run_id),
            table="event_logs",
            columns=_EVENT_COLUMNS,
        )
        return iter(rows)

    def _runs(self, condition: str, values: tuple[str, ...], last: int) -> list[RunRow]:
        query = (
            "SELECT run_id, pipeline_name, status, run_body, create_timestamp FROM runs "  # noqa: S608
            f"WHERE {condition} ORDER BY id DESC LIMIT ?"
        )

        def rows(connection: sqlite3.Connection) -> list[RunRow]:
            records = connection.execute(query, (*values, last)).fetchall()
            return [
                run_row_from_body(run_id, _text(job), _text(status), body, timestamp_s(created))
                for run_id, job, status, body, created in records
                if isinstance(run_id, str)
            ]

        return _read(self._places.runs, rows, table="runs", columns=_RUN_COLUMNS)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _event_rows(connection: sqlite3.Connection, run_id: str) -> list[EventRow]:
    payload_kinds = ", ".join(f"'{kind}'" for kind in sorted(TOLD_BY_PAYLOAD))
    first = connection.execute(
        "SELECT min(id) FROM event_logs WHERE run_id = ? AND dagster_event_type = ?",
        (run_id, TOLD_BY_ONE_PAYLOAD),
    ).fetchone()[0]
    # Rows are streamed by SQLite: a payload that is not asked for is not kept.
    rows = connection.execute(
        "SELECT id, dagster_event_type, timestamp, step_key, "  # noqa: S608
        f"CASE WHEN dagster_event_type IN ({payload_kinds}) OR id = ? THEN event END "
        "FROM event_logs WHERE run_id = ?",
        (first, run_id),
    )
    keys: dict[str, str] = {}  # one string a step, not one an event
    return [
        EventRow(
            storage_id if isinstance(storage_id, int) else 0,
            kind,
            timestamp_s(at),
            keys.setdefault(step_key, step_key) if step_key is not None else None,
            _text(payload),
        )
        for storage_id, kind, at, step_key, payload in rows
        if isinstance(step_key, str | None) and timestamp_s(at)
    ]


def _read(
    path: Path,
    function: Callable[[sqlite3.Connection], Value],
    *,
    table: str,
    columns: frozenset[str],
) -> Value:
    def checked(connection: sqlite3.Connection) -> Value:
        check_table(connection, path, table, columns)
        return function(connection)

    return read_sqlite(path, checked)
