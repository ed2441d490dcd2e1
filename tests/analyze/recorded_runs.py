"""Event logs of real runs that need a broker or a daemon, recorded as JSON, as an instance again.

Of each row there is what Dagster wrote: id, kind, timestamp, step key; the payload only of the
kinds of events that are read for it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from fabricated_instance import EVENTS, RUNS, stamp

from advisor.dagster_bridge.event_log import list_runs, read_run
from advisor.dagster_bridge.recorded_instance import open_instance_read_only
from advisor.domain.observed import ObservedRun

RECORDINGS = Path(__file__).with_name("recordings")
CELERY_4 = "celery_4_workers"
CELERY_2 = "celery_2_workers"
DOCKER_2 = "docker_2_at_once"


def write_recorded(home: Path, *names: str) -> Path:
    """An instance that holds the recorded runs."""
    shards = home / "history" / "runs"
    shards.mkdir(parents=True)
    with closing(sqlite3.connect(home / "history" / "runs.db")) as database:
        database.execute(RUNS)
        stamp(database)
        for name in names:
            recording = json.loads((RECORDINGS / f"{name}.json").read_text())
            run = recording["run"]
            database.execute(
                "INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp) "
                "VALUES (?, ?, ?, ?, ?)",
                (run["run_id"], run["pipeline_name"], recording["status"], json.dumps(run),
                 recording["created_at"]),
            )  # fmt: skip
            _write_events(shards / f"{run['run_id']}.db", run["run_id"], recording["events"])
        database.commit()
    return home


def recorded(home: Path, name: str) -> ObservedRun:
    """One recorded run, read as ``analyze`` reads it."""
    source = open_instance_read_only(write_recorded(home, name))
    return read_run(source, list_runs(source)[0].run_id)


def _write_events(path: Path, run_id: str, events: list[list[object]]) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(EVENTS)
        stamp(database)
        database.executemany(
            "INSERT INTO event_logs (id, run_id, event, dagster_event_type, timestamp, step_key) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [
                (storage_id, run_id, json.dumps(payload or {}), kind, at, step_key)
                for storage_id, kind, at, step_key, payload in events
            ],
        )
        database.commit()
