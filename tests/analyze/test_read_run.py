"""A run's event log, read back: from real runs, and from literal events."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from fabricated_instance import Event, Run, multiprocess_events, step_events, write_instance

from advisor.dagster_bridge.event_log import EventRow, RunRow, assemble_run, list_runs, read_run
from advisor.dagster_bridge.event_log.sources import rows_by_records
from advisor.dagster_bridge.recorded_instance import open_instance_read_only
from advisor.domain.errors import DynadviseError


def rows_of(events: list[Event]) -> list[EventRow]:
    return [
        EventRow(index, event.kind, 1_700_000_000 + event.at_s, event.step_key, event.payload())
        for index, event in enumerate(events)
    ]


def assembled(events: list[Event], **changes):
    return assemble_run(
        RunRow("r", "chunks", changes.pop("status", "success"), **changes), rows_of(events)
    )


# --- real runs -----------------------------------------------------------------------------


def newest(home: Path, job: str):
    source = open_instance_read_only(home)
    return read_run(source, list_runs(source, job, 1)[0].run_id)


def test_a_killed_and_a_retried_step_are_told(real_home: Path) -> None:
    run = newest(real_home, "mishaps")
    by_key = {(step.step_key, step.attempt): step for step in run.steps}
    assert (run.status, run.executor, run.start_method, run.max_concurrent) == (
        "failure", "multiprocess", "spawn", 2,
    )  # fmt: skip
    killed = by_key["mishap[k1]", 1]
    assert killed.status == "failure"
    assert "SIGKILL" in (killed.error or "")
    assert by_key["mishap[k2]", 1].status == "up_for_retry"
    again = by_key["mishap[k2]", 2]
    assert again.status == "success"
    assert again.worker_starting_s >= by_key["mishap[k2]", 1].end_s
    done = by_key["mishap[k0]", 1]
    moments = [
        done.worker_starting_s, done.worker_started_s, done.resource_init_started_s,
        done.resource_init_s, done.start_s, done.inputs_s, done.first_output_s, done.stored_s,
        done.end_s,
    ]  # fmt: skip
    assert moments == sorted(moments)
    assert done.pid not in {None, killed.pid}
    assert (by_key["fan_out", 1].outputs, done.op, done.mapping_key) == (3, "mishap", "k0")


def test_an_in_process_run_has_no_worker_events(real_home: Path) -> None:
    run = newest(real_home, "locked")
    assert (run.executor, run.max_concurrent, run.start_method) == ("in_process", 1, None)
    assert all(step.worker_starting_s is None for step in run.steps)
    failed = next(step for step in run.steps if step.step_key == "write_while_locked[k2]")
    assert "database is locked" in (failed.error or "")
    assert run.status == "failure"


def test_waits_for_a_pool_are_told(real_home: Path) -> None:
    run = newest(real_home, "pools")
    assert (run.status, run.start_method) == ("success", "forkserver")
    assert run.preload_modules == ("dagster._core.storage.sqlite_storage",)
    assert run.pool_waits_s
    assert set(run.pool_waits_s) <= {step.step_key for step in run.steps}
    assert all(wait > 0 for wait in run.pool_waits_s.values())


def test_dagsters_own_instance_tells_the_same_as_its_files(real_home: Path) -> None:
    from dagster import DagsterInstance

    source = open_instance_read_only(real_home)
    rows = list_runs(source, None, 10)
    with DagsterInstance.from_config(str(real_home)) as instance:
        assert [row.run_id for row in list_runs(instance)] == [row.run_id for row in rows]
        for row in rows:
            assert read_run(instance, row.run_id) == read_run(source, row.run_id)
            assert list_runs(instance)[0].target == rows[0].target
            public = rows_by_records(instance.event_log_storage, row.run_id)
            own = read_run(source, row.run_id)
            slow = assemble_run(row, public)
            assert [step.step_key for step in slow.steps] == [step.step_key for step in own.steps]
            for one, other in zip(slow.steps, own.steps, strict=True):
                assert one.end_s == pytest.approx(other.end_s, abs=1e-5)


def test_the_code_that_ran_is_known_without_importing_it(real_home: Path) -> None:
    row = list_runs(open_instance_read_only(real_home), "pools", 1)[0]
    assert row.target is not None
    assert row.target.spelled.endswith("recorded_jobs.py:pools")
    assert row.target.attribute == "pools"


# --- literal events ------------------------------------------------------------------------


def test_rows_in_any_order_give_the_same_run() -> None:
    events = multiprocess_events(5)
    rows = rows_of(events)
    mixed = random.Random(3).sample(rows, len(rows))
    run = RunRow("r", "chunks", "success")
    assert assemble_run(run, mixed) == assemble_run(run, rows)
    assert len(assemble_run(run, mixed).steps) == 7


def test_the_kubernetes_executor_shows_itself_in_the_launch() -> None:
    events = list(step_events("work[k0]", 0.0, boot_s=8.0))
    events[0].message = 'Executing step "work[k0]" in Kubernetes job dagster-step-1.'
    run = assembled(events)
    assert run.executor == "k8s"
    assert run.steps[0].worker_started_s - run.steps[0].worker_starting_s == pytest.approx(8.0)


def test_the_async_executor_shows_itself() -> None:
    message = "Executing steps with AsyncExecutor"
    steps = list(step_events("work[k0]", 1.0))[5:]
    assert assembled([Event(0.0, "ENGINE_EVENT", None, message), *steps]).executor == "async"


def test_a_celery_worker_that_starts_a_kubernetes_job_holds_the_slot() -> None:
    message = 'Executing step "work[k0]" in Kubernetes job job-1.'
    events = [
        Event(0.0, "ENGINE_EVENT", "work[k0]", 'Submitting celery task for step "work[k0]".'),
        Event(2.0, "ENGINE_EVENT", "work[k0]", message),
        *list(step_events("work[k0]", 1.5))[1:],
    ]
    run = assembled(events)
    step = run.steps[0]
    assert run.executor == "celery_k8s"
    assert (step.queued_s, step.worker_starting_s, step.worker_started_s) == (0.0, 2.0, 2.5)


def test_a_run_still_going_and_one_cancelled_say_so() -> None:
    events = [event for event in multiprocess_events(2) if event.at_s < 3.0]
    going = assembled(events, status="running")
    assert going.steps[-1].status == "running"
    assert going.steps[-1].end_s is None
    assert "still going" in going.notes[0]
    cancelled = assembled(events, status="canceled")
    assert "had not ended when the run was over (canceled)" in cancelled.notes[0]


def test_a_run_without_events_is_no_error() -> None:
    run = assembled([], status="queued")
    assert (run.steps, run.end_s) == ((), 0.0)


def test_clocks_that_differ_are_said() -> None:
    events = list(step_events("work[k0]", 10.0))
    events[1].at_s = 9.0
    assert "clocks differ" in assembled(events).notes[0]


def test_the_queue_before_the_run_is_kept_apart() -> None:
    events = [Event(0.0, "PIPELINE_ENQUEUED"), Event(30.0, "PIPELINE_START")]
    events += [Event(e.at_s + 30, e.kind, e.step_key) for e in step_events("work[k0]", 1.0)]
    assert assembled(events).run_start_s == 30.0


def test_run_config_tells_the_executors_settings() -> None:
    start = {"forkserver": {"preload_modules": ["pandas"]}}
    for config in (
        {"multiprocess": {"max_concurrent": 3, "start_method": start}},
        {"max_concurrent": 3, "start_method": start},
    ):
        run = assembled(multiprocess_events(1), run_config={"execution": {"config": config}})
        assert (run.max_concurrent, run.start_method, run.preload_modules) == (
            3, "forkserver", ("pandas",),
        )  # fmt: skip


def test_the_innermost_cause_of_a_failure_is_its_error() -> None:
    cause = {"message": "ValueError: no such file\n", "cause": None}
    error = {"message": "DagsterExecutionStepExecutionError: while executing op", "cause": cause}
    events = [*list(step_events("work[k0]", 0.0))[:9], Event(3.0, "STEP_FAILURE", "work[k0]")]
    events[-1].error = error
    step = assembled(events).steps[0]
    assert (step.status, step.error) == ("failure", "ValueError: no such file")


def test_a_large_log_is_read_without_parsing_each_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = 2_000
    home = write_instance(tmp_path / "home", [Run("big", multiprocess_events(items))])
    parsed: list[str] = []
    original = json.loads

    def counting(text: str, **options: object) -> object:
        parsed.append(text)
        return original(text, **options)

    monkeypatch.setattr(json, "loads", counting)
    run = read_run(open_instance_read_only(home), "big")
    assert len(run.steps) == items + 2
    assert run.event_count == 13 * (items + 2) + 4
    assert len(parsed) < 20


def test_an_unknown_run_is_named_with_a_way_on(tmp_path: Path) -> None:
    home = write_instance(tmp_path / "home", [Run("known-run", multiprocess_events(1))])
    source = open_instance_read_only(home)
    assert read_run(source, "known-").run_id == "known-run"
    with pytest.raises(DynadviseError, match="no run 'other'"):
        read_run(source, "other")
