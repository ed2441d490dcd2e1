"""Runs that happened, read back from their event logs.

What the log tells is in the *columns* of Dagster's event table: type, step key and timestamp
(microseconds). Deserializing a payload takes some tenths of a millisecond
(a minute and more for 10,000 steps; the columns: a second or two), so only
the few kinds of events that say something more are looked into, as plain JSON. Storages whose
table cannot be trusted for that (an old MySQL's keeps whole seconds) are read by the public paged
call.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from advisor.domain.errors import DynadviseError
from advisor.domain.observed import ObservedRun, ObservedStep, RunStatus, StepStatus
from advisor.domain.workload import TargetReference

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from advisor.dagster_bridge.private import EventLogStorage, RunRecord, RunStorage

PAGE = 5_000  # rows a query: 5 MB of payloads at most
SHORTEST_RUN_ID = 6  # characters by which a run may be named
NEWEST_IDS = 10_000  # run ids among which such a beginning is looked for on a server

# The kinds of events whose payload is read: everything else is told by its columns.
TOLD_BY_PAYLOAD = frozenset(
    {"ENGINE_EVENT", "STEP_FAILURE", "STEP_UP_FOR_RETRY", "STEP_START", "STEP_RESTARTED"}
)
# Of this kind one payload is enough: its message names the executor (k8s, docker).
TOLD_BY_ONE_PAYLOAD = "STEP_WORKER_STARTING"

_RUN_STATUS: Mapping[str, RunStatus] = {
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
_STEP_ENDS: Mapping[str, StepStatus] = {
    "STEP_SUCCESS": "success",
    "STEP_FAILURE": "failure",
    "STEP_UP_FOR_RETRY": "up_for_retry",
    "STEP_SKIPPED": "skipped",
}
_BEGINS_AN_ATTEMPT = frozenset(
    {
        "STEP_WORKER_STARTING",
        "STEP_WORKER_STARTED",
        "RESOURCE_INIT_STARTED",
        "STEP_START",
        "STEP_RESTARTED",
    }
)
# Kind of event to the time that its first (or last) occurrence in an attempt sets.
_FIRST_AT: Mapping[str, str] = {
    "STEP_WORKER_STARTING": "worker_starting_s",
    "STEP_WORKER_STARTED": "worker_started_s",
    "RESOURCE_INIT_STARTED": "resource_init_started_s",
    "STEP_START": "start_s",
    "STEP_RESTARTED": "start_s",
    "STEP_OUTPUT": "first_output_s",
}
_LAST_AT: Mapping[str, str] = {
    "RESOURCE_INIT_SUCCESS": "resource_init_s",
    "LOADED_INPUT": "inputs_s",
    "STEP_INPUT": "inputs_s",
    "STEP_OUTPUT": "last_output_s",
    "HANDLED_OUTPUT": "stored_s",
}
_MAPPED_KEY = re.compile(r"^(?P<op>.*)\[(?P<key>[^\[\]]*)\]$")
_PID = re.compile(r'"pid": (\d+)')
# Messages by which an executor shows itself; the first that fits names it.
_EXECUTOR_SIGNS: Sequence[tuple[str, str]] = (
    ("using multiprocess executor", "multiprocess"),
    ("Executing steps in process", "in_process"),
    ("in Kubernetes job", "k8s"),
    ("in Docker container", "docker"),
    ("celery task", "celery"),
    ("AsyncExecutor", "async"),  # dagster-async-executor
)


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

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run, in any order."""


def read_run(instance: DagsterInstance | RunSource, run_id: str) -> ObservedRun:
    """Read one run's event log.

    Args:
        instance: A Dagster instance, or one opened by
            :func:`advisor.dagster_bridge.recorded_instance.open_instance_read_only`.
        run_id: Its id.

    Raises:
        DynadviseError: There is no such run, or its log cannot be read.
    """
    source = source_of(instance)
    run = source.run_row(run_id)
    if run is None:
        raise DynadviseError(
            f"The instance has no run {run_id!r}.",
            hint="`dynadvise analyze --job NAME --last 5` reads the newest runs of a job.",
        )
    return assemble_run(run, source.event_rows(run.run_id))


def list_runs(
    instance: DagsterInstance | RunSource, job: str | None = None, last: int = 10
) -> list[RunRow]:
    """The newest ``last`` runs, of ``job`` where given, newest first."""
    return source_of(instance).run_rows(job, last)


def source_of(instance: DagsterInstance | RunSource) -> RunSource:
    """``instance`` as a source of runs."""
    if hasattr(instance, "event_rows"):
        return cast("RunSource", instance)
    return StoredRuns(instance.run_storage, instance.event_log_storage)


def assemble_run(run: RunRow, rows: Iterable[EventRow]) -> ObservedRun:
    """Put a run together from its events, which may come in any order.

    Rows are stored as they arrive from several processes, so they are sorted by their own
    timestamps first. A clock that differs between machines can still turn two events around:
    phases that would end before they begin are the reader's to clip, and a note says so.
    """
    events = sorted(rows, key=lambda row: (row.timestamp_s, row.storage_id))
    setting = _executor_setting(run.run_config)
    if not events:
        return ObservedRun(
            run_id=run.run_id,
            job=run.job,
            status=run.status,
            executor=setting.executor or "other",
            started_at_s=run.created_at_s,
            end_s=0.0,
            steps=(),
            start_method=setting.start_method,
            max_concurrent=setting.max_concurrent,
            preload_modules=setting.preload_modules,
            tags=run.tags,
            notes=("The run has no events.",),
        )
    origin = events[0].timestamp_s
    log = _Log(origin)
    for event in events:
        log.add(event)
    executor = log.executor or setting.executor or "other"
    steps = tuple(sorted(_slots_from_queue(list(log.steps())), key=_begin))
    is_multiprocess = executor == "multiprocess"
    return ObservedRun(
        run_id=run.run_id,
        job=run.job,
        status=run.status,
        executor=executor,
        started_at_s=origin,
        end_s=events[-1].timestamp_s - origin,
        steps=steps,
        # Dagster's own default for the multiprocess executor, where run config is silent.
        start_method=setting.start_method or ("spawn" if is_multiprocess else None),
        max_concurrent=1 if executor == "in_process" else setting.max_concurrent,
        event_count=len(events),
        notes=_notes(run, steps, is_interrupted=log.is_interrupted),
        pool_waits_s=log.pool_waits_s(),
        run_start_s=log.run_start_s,
        preload_modules=setting.preload_modules,
        tags=run.tags,
    )


def run_row_from_body(
    run_id: str, job: str | None, status: str | None, body: str | None, created_at_s: float
) -> RunRow:
    """A row of the runs table, whose ``run_body`` is the run serialized as JSON."""
    loaded = _json_object(body)
    return RunRow(
        run_id=run_id,
        job=job or str(loaded.get("pipeline_name") or "?"),
        status=_RUN_STATUS.get(status or "", "other"),
        run_config=_mapping(loaded.get("run_config")),
        tags={str(key): str(value) for key, value in _mapping(loaded.get("tags")).items()},
        created_at_s=created_at_s,
        target=_target(loaded.get("pipeline_code_origin")),
    )


def timestamp_s(value: object) -> float:
    """A timestamp column (UTC without a zone, as Dagster writes it) as Unix time."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=timezone.utc).timestamp()
    return float(cast("float", value)) if value is not None else 0.0


class _Attempt:
    """One attempt of a step while its events arrive."""

    __slots__ = ("error", "inputs", "number", "outputs", "pid", "status", "times")

    def __init__(self, number: int) -> None:
        self.number = number
        self.times: dict[str, float] = {}
        self.status: StepStatus = "running"
        self.inputs = 0
        self.outputs = 0
        self.pid: int | None = None
        self.error: str | None = None

    def first(self, name: str, at_s: float) -> None:
        self.times.setdefault(name, at_s)

    def observed(self, step_key: str) -> ObservedStep:
        match = _MAPPED_KEY.match(step_key)
        times = self.times
        start_s = times.get("start_s")
        inputs_s = times.get("inputs_s", start_s)
        return ObservedStep(
            step_key=step_key,
            op=match["op"] if match else step_key,
            mapping_key=match["key"] if match else None,
            status=self.status,
            worker_starting_s=times.get("worker_starting_s"),
            worker_started_s=times.get("worker_started_s"),
            resource_init_started_s=times.get("resource_init_started_s"),
            resource_init_s=times.get("resource_init_s"),
            start_s=start_s,
            inputs_s=inputs_s,
            first_output_s=times.get("first_output_s"),
            last_output_s=times.get("last_output_s"),
            stored_s=times.get("stored_s"),
            end_s=times.get("end_s"),
            outputs=self.outputs,
            inputs=self.inputs,
            attempt=self.number,
            pid=self.pid,
            error=self.error,
            queued_s=times.get("queued_s"),
        )


class _Log:
    """The events of a run, folded in the order of their timestamps."""

    def __init__(self, origin_s: float) -> None:
        self.executor: str | None = None
        self.run_start_s = 0.0
        self.is_interrupted = False
        self._origin_s = origin_s
        self._attempts: dict[str, list[_Attempt]] = {}
        self._blocked: dict[str, float] = {}
        self._crashes: dict[str, str] = {}

    def add(self, event: EventRow) -> None:
        at_s = event.timestamp_s - self._origin_s
        kind = event.kind
        if kind is None:
            return
        if kind == "ENGINE_EVENT":
            self._engine_event(event, at_s)
        elif event.step_key is not None:
            self._step_event(event, kind, at_s)
        elif kind == "PIPELINE_START":
            self.run_start_s = at_s

    def steps(self) -> Iterator[ObservedStep]:
        for step_key, attempts in self._attempts.items():
            for attempt in attempts:
                yield attempt.observed(step_key)

    def pool_waits_s(self) -> dict[str, float]:
        """Step key to the seconds from its first "blocked by limit" until it began."""
        waits: dict[str, float] = {}
        for step_key, blocked_s in self._blocked.items():
            begun = [
                begin
                for attempt in self._attempts.get(step_key, ())
                if (begin := _first_of(attempt.times)) is not None and begin >= blocked_s
            ]
            if begun:
                waits[step_key] = min(begun) - blocked_s
        return waits

    def _attempt(self, step_key: str, kind: str) -> _Attempt:
        attempts = self._attempts.setdefault(step_key, [])
        if not attempts or (attempts[-1].status != "running" and kind in _BEGINS_AN_ATTEMPT):
            attempts.append(_Attempt(len(attempts) + 1))
        return attempts[-1]

    def _step_event(self, event: EventRow, kind: str, at_s: float) -> None:
        step_key = cast("str", event.step_key)
        if kind in _STEP_ENDS:
            attempt = self._attempt(step_key, kind)
            attempt.times["end_s"] = at_s
            attempt.status = _STEP_ENDS[kind]
            if event.payload is not None:
                crash = self._crashes.pop(step_key, None)
                attempt.error = crash or _error_line(event.payload)
            return
        attempt = self._attempt(step_key, kind)
        if kind in _FIRST_AT:
            attempt.first(_FIRST_AT[kind], at_s)
        if kind in _LAST_AT:
            attempt.times[_LAST_AT[kind]] = at_s
        attempt.inputs += kind == "LOADED_INPUT"
        attempt.outputs += kind == "STEP_OUTPUT"
        if event.payload is not None:
            if kind == TOLD_BY_ONE_PAYLOAD:
                self._name_executor(_engine_message(event.payload)[0])
            elif pid := _PID.search(event.payload):
                attempt.pid = int(pid[1])

    def _engine_event(self, event: EventRow, at_s: float) -> None:
        message, has_error = _engine_message(event.payload)
        self._name_executor(message)
        self.is_interrupted |= "received termination signal" in message
        if event.step_key is None:
            return
        if "blocked by limit for pool" in message:
            self._blocked.setdefault(event.step_key, at_s)
        elif has_error:
            self._crashes[event.step_key] = _first_line(message)
        elif message.startswith("Submitting celery task"):
            self._attempt(event.step_key, "STEP_WORKER_STARTING").first("queued_s", at_s)
        elif "in celery worker" in message:
            self._attempt(event.step_key, "STEP_WORKER_STARTED").first("worker_started_s", at_s)
        elif "in Kubernetes job" in message:  # a Celery worker has taken the step from its queue
            self._attempt(event.step_key, "STEP_WORKER_STARTING").first("worker_starting_s", at_s)

    def _name_executor(self, message: str) -> None:
        if self.executor not in {None, "celery"}:
            return
        named = next((name for sign, name in _EXECUTOR_SIGNS if sign in message), None)
        if self.executor == "celery":
            # A Celery worker that starts a Kubernetes job for its step.
            self.executor = "celery_k8s" if named == "k8s" else "celery"
        else:
            self.executor = named


class _ExecutorSetting(NamedTuple):
    executor: str | None
    start_method: str | None
    max_concurrent: int | None
    preload_modules: tuple[str, ...] | None


def _executor_setting(run_config: Mapping[str, Any]) -> _ExecutorSetting:
    """What the run config alone says of the executor (a job's own default is not in it)."""
    config = _mapping(_mapping(run_config.get("execution")).get("config"))
    executor: str | None = None
    for name in ("multiprocess", "in_process"):
        if name in config:
            executor = name
            config = _mapping(config[name])
            break
    start = _mapping(config.get("start_method"))
    method = next(iter(start), None)
    preload = _mapping(start.get("forkserver")).get("preload_modules")
    limit = config.get("max_concurrent")
    return _ExecutorSetting(
        executor=executor,
        start_method=method,
        # 0 means "not set" to Dagster's multiprocess executor.
        max_concurrent=limit if isinstance(limit, int) and limit > 0 else None,
        preload_modules=tuple(map(str, preload)) if isinstance(preload, list) else None,
    )


def _slots_from_queue(steps: list[ObservedStep]) -> list[ObservedStep]:
    """Steps with the moment when a worker was free for them, where they came from a queue.

    Celery's executor gives all steps that are ready to the queue at once: how many run is the
    workers' to set, and the log does not tell it. As many slots are taken as ran at once; the
    k-th that was freed was taken by the k-th step that began after those that filled them.
    """
    taken = sorted(
        (step.worker_started_s, step.end_s if step.end_s is not None else float("inf"), index)
        for index, step in enumerate(steps)
        if step.queued_s is not None and step.worker_started_s is not None
    )
    ends = sorted(end for _, end, _ in taken)
    # A step that begins when k others have ended: the steps before it, less k, hold a slot.
    slots = max(
        (place + 1 - bisect_right(ends, started) for place, (started, _, _) in enumerate(taken)),
        default=0,
    )
    for place, (started, _, index) in enumerate(taken):
        step = steps[index]
        if step.worker_starting_s is None:
            freed_s = ends[place - slots] if place >= slots else 0.0
            given_s = min(started, max(cast("float", step.queued_s), freed_s))
            steps[index] = replace(step, worker_starting_s=given_s)
    return steps


def _notes(run: RunRow, steps: Sequence[ObservedStep], *, is_interrupted: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if is_interrupted:
        notes.append("The run was told to stop (a termination signal): its figures end there.")
    begun = [step for step in steps if _begin(step)[0] != float("inf")]
    unfinished = sum(step.status == "running" for step in begun)
    if run.status in {"running", "queued"}:
        queued = f", {len(steps) - len(begun)} in the queue" if len(begun) < len(steps) else ""
        notes.append(
            f"The run is still going ({_steps(unfinished)} at work{queued}); figures will change."
        )
    elif unfinished:
        notes.append(f"{_steps(unfinished)} had not ended when the run was over ({run.status}).")
    backwards = sum(
        step.worker_starting_s is not None
        and step.worker_started_s is not None
        and step.worker_started_s < step.worker_starting_s
        for step in steps
    )
    if backwards:
        notes.append(
            f"{backwards} steps start before they were launched: clocks differ between machines, "
            "so launch times are too short or too long by that difference."
        )
    return tuple(notes)


def _steps(number: int) -> str:
    return f"{number} step{'' if number == 1 else 's'}"


def _begin(step: ObservedStep) -> tuple[float, str, int]:
    times = (
        step.worker_starting_s,
        step.worker_started_s,
        step.resource_init_started_s,
        step.start_s,
        step.end_s,
    )
    begun = next((time for time in times if time is not None), float("inf"))
    return begun, step.step_key, step.attempt


def _first_of(times: Mapping[str, float]) -> float | None:
    return min(times.values(), default=None)


def _engine_message(payload: str | None) -> tuple[str, bool]:
    """An engine event's message, and whether it carries an error."""
    event = _mapping(_json_object(payload).get("dagster_event"))
    data = _mapping(event.get("event_specific_data"))
    return str(event.get("message") or ""), data.get("error") is not None


def _error_line(payload: str) -> str | None:
    """First line of the innermost cause of a failed step's error."""
    event = _mapping(_json_object(payload).get("dagster_event"))
    error = _mapping(_mapping(event.get("event_specific_data")).get("error"))
    while cause := _mapping(error.get("cause")):
        error = cause
    message = error.get("message")
    return _first_line(str(message)) if message else None


def _target(origin: object) -> TargetReference | None:
    """The code that a run executed, from its serialized origin."""
    repository = _mapping(_mapping(origin).get("repository_origin"))
    pointer = _mapping(repository.get("code_pointer"))
    job = _mapping(origin).get("pipeline_name")
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


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0].strip()


def _json_object(text: str | None) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(text)) if text else {}
    except ValueError:
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class StoredRuns:
    """Dagster's own storages of runs and of events as a source of runs."""

    def __init__(self, runs: RunStorage, events: EventLogStorage) -> None:
        self._run_storage = runs
        self._event_storage = events

    def run_row(self, run_id: str) -> RunRow | None:
        """The run of that id (or of its only run whose id starts so), None where there is none."""
        from dagster import RunsFilter

        records = self._run_storage.get_run_records(RunsFilter(run_ids=[run_id]), limit=1)
        if not records and len(run_id) >= SHORTEST_RUN_ID:
            newest = self._run_storage.get_run_ids(limit=NEWEST_IDS)
            found = [known for known in newest if known.startswith(run_id)]
            if len(found) == 1:
                records = self._run_storage.get_run_records(RunsFilter(run_ids=found), limit=1)
        return _row_of(records[0]) if records else None

    def run_rows(self, job: str | None, last: int) -> list[RunRow]:
        """The newest runs, newest first."""
        from dagster import RunsFilter

        records = self._run_storage.get_run_records(RunsFilter(job_name=job), limit=last)
        return [_row_of(record) for record in records]

    def schema_revision(self) -> str | None:
        """The revision that the database's schema is stamped with, None where it is not told."""
        told = self._run_storage.alembic_version()
        found = told[0] if told else None
        # Alembic tells one revision as a string, several as a tuple.
        return found if isinstance(found, str) else next(iter(found or ()), None)

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run, in pages."""
        from advisor.dagster_bridge.private import SqlEventLogStorage

        storage = self._event_storage
        if isinstance(storage, SqlEventLogStorage) and _keeps_fractions(storage, run_id):
            return _rows_by_columns(storage, run_id)
        return _rows_by_records(storage, run_id)


def _row_of(record: RunRecord) -> RunRow:
    from advisor.dagster_bridge.private import serialize_value

    run = record.dagster_run
    origin = serialize_value(run.job_code_origin) if run.job_code_origin else None
    return RunRow(
        run_id=run.run_id,
        job=run.job_name,
        status=_RUN_STATUS.get(run.status.value, "other"),
        run_config=dict(run.run_config),
        tags=dict(run.tags),
        created_at_s=timestamp_s(record.create_timestamp),
        target=_target(_json_object(origin)),
    )


def _keeps_fractions(storage: Any, run_id: str) -> bool:
    """Whether the timestamp column tells more than whole seconds."""
    from advisor.dagster_bridge.private import SqlEventLogStorageTable

    module = type(storage).__module__
    if not module.startswith("dagster_mysql."):
        return module.startswith(("dagster.", "dagster_postgres."))
    # A MySQL database made by an older Dagster has a TIMESTAMP of whole seconds.
    at = SqlEventLogStorageTable.c.timestamp
    query = SqlEventLogStorageTable.select().with_only_columns(at).limit(20)
    with storage.run_connection(run_id) as connection:
        found = connection.execute(query.where(SqlEventLogStorageTable.c.run_id == run_id))
        return any(timestamp_s(row[0]) % 1 for row in found)


def _rows_by_columns(storage: Any, run_id: str) -> Iterator[EventRow]:
    """The rows of a SQL event log: columns for all, payloads for the few kinds that need it."""
    from advisor.dagster_bridge.private import SqlEventLogStorageTable

    table = SqlEventLogStorageTable.c
    with storage.run_connection(run_id) as connection:

        def paged(query: Any) -> Iterator[Any]:
            last_id = -1
            while True:
                page = connection.execute(
                    query.where(table.id > last_id).order_by(table.id).limit(PAGE)
                ).fetchall()
                yield from page
                if len(page) < PAGE:
                    return
                last_id = page[-1][0]

        def select(*columns: Any) -> Any:
            rows = SqlEventLogStorageTable.select().with_only_columns(*columns)
            return rows.where(table.run_id == run_id)

        told = select(table.id, table.event).where(
            table.dagster_event_type.in_(sorted(TOLD_BY_PAYLOAD))
        )
        first = (
            select(table.id, table.event)
            .where(table.dagster_event_type == TOLD_BY_ONE_PAYLOAD)
            .order_by(table.id)
            .limit(1)
        )
        payloads = {
            row[0]: row[1] for row in chain(paged(told), connection.execute(first).fetchall())
        }
        columns = (table.id, table.dagster_event_type, table.timestamp, table.step_key)
        for storage_id, kind, at, step_key in paged(select(*columns)):
            yield EventRow(
                storage_id, kind, timestamp_s(at), step_key, payloads.pop(storage_id, None)
            )


def _rows_by_records(storage: EventLogStorage, run_id: str) -> Iterator[EventRow]:
    """The rows of any storage, by Dagster's public paged call."""
    from advisor.dagster_bridge.private import serialize_value

    cursor: str | None = None
    while True:
        page = storage.get_records_for_run(run_id, cursor=cursor, limit=1_000)
        for record in page.records:
            entry = record.event_log_entry
            event = entry.dagster_event
            kind = event.event_type_value if event else None
            told = kind in TOLD_BY_PAYLOAD or kind == TOLD_BY_ONE_PAYLOAD
            yield EventRow(
                record.storage_id,
                kind,
                entry.timestamp,
                event.step_key if event else entry.step_key,
                serialize_value(entry) if told else None,
            )
        if not page.has_more:
            return
        cursor = page.cursor
