"""Runs that happened, read back from their event logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from advisor.dagster_bridge.event_log.fold import RunLog, executor_setting, slots_from_queue
from advisor.dagster_bridge.event_log.rows import EventRow, RunRow, RunSource
from advisor.dagster_bridge.event_log.sources import StoredRuns
from advisor.domain.errors import DynadviseError
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.domain.quantities import count

if TYPE_CHECKING:
    from dagster import DagsterInstance


def read_run(instance: DagsterInstance | RunSource, run_id: str) -> ObservedRun:
    """Read one run's event log.

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
    setting = executor_setting(run.run_config)
    origin = events[0].timestamp_s if events else run.created_at_s
    log = RunLog(origin)
    for event in events:
        log.add(event)
    executor = log.executor or setting.executor or "other"
    steps = tuple(sorted(slots_from_queue(list(log.steps())), key=_begin))
    is_multiprocess = executor == "multiprocess"
    return ObservedRun(
        run_id=run.run_id,
        job=run.job,
        status=run.status,
        executor=executor,
        started_at_s=origin,
        end_s=events[-1].timestamp_s - origin if events else 0.0,
        steps=steps,
        # Dagster's own default for the multiprocess executor, where run config is silent.
        start_method=setting.start_method or ("spawn" if is_multiprocess else None),
        max_concurrent=1 if executor == "in_process" else setting.max_concurrent,
        event_count=len(events),
        notes=(
            _notes(run, steps, is_interrupted=log.is_interrupted)
            if events
            else ("The run has no events.",)
        ),
        pool_waits_s=log.pool_waits_s(),
        run_start_s=log.run_start_s,
        preload_modules=setting.preload_modules,
        tags=run.tags,
        error=log.error,
    )


def _notes(run: RunRow, steps: Sequence[ObservedStep], *, is_interrupted: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if is_interrupted:
        notes.append("The run was told to stop (a termination signal): its figures end there.")
    begun = [step for step in steps if _begin(step)[0] != float("inf")]
    unfinished = sum(step.status == "running" for step in begun)
    going = count(unfinished, "step")
    if run.status in {"running", "queued"}:
        queued = f", {len(steps) - len(begun)} in the queue" if len(begun) < len(steps) else ""
        notes.append(f"The run is still going ({going} at work{queued}); figures will change.")
    elif unfinished:
        notes.append(f"{going} had not ended when the run was over ({run.status}).")
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
