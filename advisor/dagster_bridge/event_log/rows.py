"""What the tables of Dagster's storages tell: rows of runs and of events."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple, Protocol, cast

from advisor.domain.observed import RunStatus
from advisor.domain.workload import TargetReference

SHORTEST_RUN_ID = 6  # characters by which a run may be named
BACKFILL_TAG = "dagster/backfill"
MOST_OF_BACKFILL = 2_000
"""Runs of a backfill that are read: some seconds."""

_LATEST_S = 253402300800.0  # the year 10000, which no datetime holds

# The kinds of events whose payload is read: everything else is told by its columns.
TOLD_BY_PAYLOAD = frozenset(
    {
        "ENGINE_EVENT",
        "PIPELINE_FAILURE",
        "STEP_FAILURE",
        "STEP_UP_FOR_RETRY",
        "STEP_START",
        "STEP_RESTARTED",
    }
)
# Of this kind one payload is enough: its message names the executor (k8s, docker).
TOLD_BY_ONE_PAYLOAD = "STEP_WORKER_STARTING"

RUN_STATUS: Mapping[str, RunStatus] = {
    "SUCCESS": "success",
    "FAILURE": "failure",
    "CANCELED": "canceled",
    "CANCELING": "running",
    "STARTED": "running",
    "STARTING": "running",
    "SUSPENDED": "running",
    "QUEUED": "queued",
    "NOT_STARTED": "queued",
}


class EventRow(NamedTuple):
    """One row of the event table. ``payload`` is its JSON where the kind is read for it."""

    storage_id: int
    kind: str | None
    timestamp_s: float
    step_key: str | None
    payload: str | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the table of runs tells of one run. ``target`` is the code that it ran, if told."""

    run_id: str
    job: str
    status: RunStatus
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at_s: float = 0.0
    target: TargetReference | None = None


class RunSource(Protocol):
    """Where runs are read from: a Dagster instance of this process, or one opened read-only."""

    def run_row(self, run_id: str) -> RunRow | None:
        """The run of that id, None where there is none."""

    def run_rows(self, job: str | None, last: int) -> list[RunRow]:
        """The newest runs, newest first."""

    def backfill_rows(self, backfill_id: str) -> list[RunRow]:
        """The runs of a backfill, newest first, at most `MOST_OF_BACKFILL`."""

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run, in any order."""


def run_row_from_body(
    run_id: str, job: str | None, status: str | None, body: str | None, created_at_s: float
) -> RunRow:
    """A row of the runs table, whose ``run_body`` is the run serialized as JSON."""
    loaded = json_object(body)
    return RunRow(
        run_id=run_id,
        job=job or str(loaded.get("pipeline_name") or "?"),
        status=RUN_STATUS.get(status or "", "other"),
        run_config=mapping(loaded.get("run_config")),
        tags={str(key): str(value) for key, value in mapping(loaded.get("tags")).items()},
        created_at_s=created_at_s,
        target=code_target(loaded.get("pipeline_code_origin")),
    )


def timestamp_s(value: object) -> float:
    """A timestamp column (UTC without a zone, as Dagster writes it) as Unix time; 0 for none."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            value = value.replace(tzinfo=timezone.utc).timestamp()
        at_s = float(cast("float", value or 0.0))
    except (ValueError, TypeError, OverflowError):
        return 0.0  # SQLite keeps any value in any column
    return at_s if 0.0 <= at_s < _LATEST_S else 0.0


def code_target(origin: object) -> TargetReference | None:
    """The code that a run executed, from its serialized origin."""
    repository = mapping(mapping(origin).get("repository_origin"))
    pointer = mapping(repository.get("code_pointer"))
    job = mapping(origin).get("pipeline_name")
    module, file = pointer.get("module"), pointer.get("python_file")
    if not isinstance(job, str) or not (isinstance(module, str) or isinstance(file, str)):
        return None
    # A job that was run by itself is named; else the name is that of its Definitions.
    own = pointer.get("fn_name") == job
    place = module if isinstance(module, str) else file
    return TargetReference(
        spelled=f"{place}:{job}" if own else str(place),
        module=module if isinstance(module, str) else None,
        file=None if isinstance(module, str) else str(file),
        attribute=job if own else None,
        job=None if own else job,
        working_directory=str(pointer.get("working_directory") or ""),
    )


def json_object(text: str | None) -> Mapping[str, Any]:
    """The object that a JSON text holds; empty where it holds none."""
    try:
        return mapping(json.loads(text)) if text else {}
    except (ValueError, TypeError, RecursionError):
        return {}


def mapping(value: object) -> Mapping[str, Any]:
    """The value, where it is a JSON object; else an empty one."""
    return value if isinstance(value, dict) else {}
