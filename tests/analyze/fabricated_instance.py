"""Writes instances as Dagster's SQLite storage lays them out, from literal events, quickly."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

REVISION = "29b539ebc72a"  # head of Dagster 1.13
EPOCH_S = 1_700_000_000.0

RUNS = """CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id VARCHAR(255) UNIQUE,
 snapshot_id VARCHAR(255), pipeline_name TEXT, mode TEXT, status VARCHAR(63), run_body TEXT,
 partition TEXT, partition_set TEXT, create_timestamp DATETIME, update_timestamp DATETIME,
 start_time FLOAT, end_time FLOAT, backfill_id VARCHAR(255))"""
EVENTS = """CREATE TABLE event_logs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id VARCHAR(255),
 event TEXT NOT NULL, dagster_event_type TEXT, timestamp TIMESTAMP, step_key TEXT, asset_key TEXT,
 partition TEXT);
 CREATE INDEX idx_step_key ON event_logs (step_key);
 CREATE INDEX idx_event_type ON event_logs (dagster_event_type, id);
 CREATE INDEX idx_events_by_run_id ON event_logs (run_id, id)"""
VERSION = "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"


@dataclass
class Event:
    """One event: seconds since the run began, kind, step key, and its payload's parts."""

    at_s: float
    kind: str | None
    step_key: str | None = None
    message: str = ""
    pid: int | None = 100
    error: dict[str, Any] | None = None

    def payload(self) -> str:
        # The padding brings an event to the size that Dagster's own have (about 1 KB).
        event = {
            "__class__": "EventLogEntry",
            "dagster_event": {
                "__class__": "DagsterEvent",
                "event_specific_data": {"error": self.error, "padding": "x" * 600},
                "event_type_value": self.kind,
                "message": self.message,
                "pid": self.pid,
                "step_key": self.step_key,
            },
            "timestamp": EPOCH_S + self.at_s,
        }
        return json.dumps(event)


@dataclass
class Run:
    run_id: str
    events: list[Event]
    job: str = "chunks"
    status: str = "SUCCESS"
    run_config: dict[str, Any] = field(default_factory=dict)


def moment(at_s: float) -> str:
    at = datetime.fromtimestamp(EPOCH_S + at_s, timezone.utc)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def write_instance(home: Path, runs: Iterable[Run]) -> Path:
    shards = home / "history" / "runs"
    shards.mkdir(parents=True)
    with closing(sqlite3.connect(home / "history" / "runs.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(RUNS)
        stamp(database)
        for run in runs:
            body = json.dumps({"pipeline_name": run.job, "run_config": run.run_config, "tags": {}})
            database.execute(
                "INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp) "
                "VALUES (?, ?, ?, ?, ?)",
                (run.run_id, run.job, run.status, body, moment(0)),
            )
            write_events(shards / f"{run.run_id}.db", run)
        database.commit()
    return home


def write_events(path: Path, run: Run) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(EVENTS)
        stamp(database)
        database.executemany(
            "INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                (run.run_id, event.payload(), event.kind, moment(event.at_s), event.step_key)
                for event in run.events
            ),
        )
        database.commit()


def stamp(database: sqlite3.Connection, revision: str = REVISION) -> None:
    database.execute(VERSION)
    database.execute("INSERT INTO alembic_version VALUES (?)", (revision,))


def step_events(
    step_key: str,
    starting_s: float,
    *,
    boot_s: float = 1.0,
    prepare_s: float = 0.05,
    work_s: float = 0.5,
    pid: int = 100,
) -> Iterator[Event]:
    """What a mapped step of the multiprocess executor logs, when all goes well."""
    yield Event(starting_s, "STEP_WORKER_STARTING", step_key, "Launching subprocess.", pid=1)
    started_s = starting_s + boot_s
    yield Event(started_s, "STEP_WORKER_STARTED", step_key, pid=pid)
    yield Event(started_s + prepare_s * 0.5, "RESOURCE_INIT_STARTED", step_key, pid=pid)
    yield Event(started_s + prepare_s * 0.6, "RESOURCE_INIT_SUCCESS", step_key, pid=pid)
    yield Event(started_s + prepare_s * 0.9, "LOGS_CAPTURED", None, pid=pid)
    start_s = started_s + prepare_s
    yield Event(start_s, "STEP_START", step_key, pid=pid)
    yield Event(start_s + 0.002, None, step_key, "Loading file", pid=pid)
    yield Event(start_s + 0.004, "LOADED_INPUT", step_key, pid=pid)
    yield Event(start_s + 0.005, "STEP_INPUT", step_key, pid=pid)
    done_s = start_s + 0.005 + work_s
    yield Event(done_s, "STEP_OUTPUT", step_key, pid=pid)
    yield Event(done_s + 0.002, None, step_key, "Writing file", pid=pid)
    yield Event(done_s + 0.004, "HANDLED_OUTPUT", step_key, pid=pid)
    yield Event(done_s + 0.005, "STEP_SUCCESS", step_key, pid=pid)


def multiprocess_events(
    items: int, *, max_concurrent: int = 2, work_s: float = 0.5, boot_s: float = 1.0
) -> list[Event]:
    """A whole run: fan-out, ``items`` mapped steps in ``max_concurrent`` lanes, collect."""
    message = "Executing steps using multiprocess executor: parent process (pid: 1)"
    events = [Event(0.0, "PIPELINE_START"), Event(0.1, "ENGINE_EVENT", None, message, pid=1)]
    events += step_events("fan_out", 0.11, work_s=0.01 * items)
    lanes = [max(event.at_s for event in events) + 0.05] * max_concurrent
    for item in range(items):
        lane = lanes.index(min(lanes))
        step = list(
            step_events(f"work[k{item}]", lanes[lane], work_s=work_s, boot_s=boot_s, pid=200 + item)
        )
        lanes[lane] = step[-1].at_s + 0.05
        events += step
    events += step_events("collect", max(lanes))
    end_s = max(event.at_s for event in events)
    events += [
        Event(end_s + 0.1, "ENGINE_EVENT", None, "Multiprocess executor: parent process exiting"),
        Event(end_s + 0.11, "PIPELINE_SUCCESS"),
    ]
    return events
