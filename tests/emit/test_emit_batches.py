"""Emitted batch and worker modules give what the original job gives."""

from __future__ import annotations

import importlib
import sys

import pytest
from dagster import DagsterInstance, execute_job, reconstructable
from emission import describe_job, load_job, load_source, request_for

from advisor.domain.candidate import Candidate
from advisor.emit import emit

IN_PROCESS_3 = Candidate("execute_job", "in_process", batch_size=3)
THREADS_3 = Candidate(
    "execute_job", "in_process", batch_size=3, workers_in_op=3, worker_kind="thread"
)
THREADS_ALL = Candidate(
    "execute_job", "in_process", batch_size=99, workers_in_op=8, worker_kind="thread"
)
PROCESSES_ALL = Candidate(
    "execute_job", "in_process", batch_size=99, workers_in_op=2, worker_kind="process"
)
CASES = [
    ("emit_seed_job", "seed_job", "merge"),
    ("emit_chain_job", "chain_job", "publish"),
    ("emit_configured_job", "configured_job", "merge"),
    ("emit_odd_ops_job", "odd_ops_job", "merge_all"),
    ("emit_odd_ops_job", "odd_ops_job", "first_only"),
]


def emitted_job(kind, module, attribute, candidate, folder):
    source = emit(kind, request_for(describe_job(module, attribute), candidate))
    loaded = load_source(source, f"emitted_{attribute}", folder)
    return getattr(loaded, f"{attribute}_batched")


@pytest.mark.parametrize("candidate", [IN_PROCESS_3, THREADS_ALL], ids=["batch", "threads"])
@pytest.mark.parametrize(("module", "attribute", "last"), CASES)
def test_results_equal_the_original_jobs(module, attribute, last, candidate, tmp_path):
    original = load_job(module, attribute).execute_in_process()
    batched = emitted_job("batch", module, attribute, candidate, tmp_path)

    result = batched.execute_in_process()

    assert result.output_for_node(last) == original.output_for_node(last)


def test_an_empty_fan_out_skips_what_the_original_job_skips(tmp_path):
    original = load_job("emit_empty_job", "empty_job").execute_in_process()
    batched = emitted_job("batch", "emit_empty_job", "empty_job", IN_PROCESS_3, tmp_path)

    result = batched.execute_in_process()

    skipped = [event.step_key for event in original.all_events if event.is_step_skipped]
    assert skipped == ["merge"]
    assert [event.step_key for event in result.all_events if event.is_step_skipped] == skipped


def test_a_failing_item_is_named_by_its_key_and_the_others_of_its_batch_run(tmp_path):
    module = sys.modules["emit_failing_job"] = importlib.import_module("emit_failing_job")
    module.RAN.clear()
    batched = emitted_job("batch", "emit_failing_job", "failing_job", THREADS_ALL, tmp_path)

    result = batched.execute_in_process(raise_on_error=False)

    failure = next(event for event in result.all_events if event.is_step_failure)
    data = failure.step_failure_data.user_failure_data
    assert not result.success
    assert "1 of 4 items" in data.description
    assert "n1: ZeroDivisionError" in data.description
    assert "in invert" in data.metadata["n1"].value
    assert sorted(module.RAN) == [0, 1, 2, 3]


@pytest.mark.parametrize("candidate", [PROCESSES_ALL], ids=["processes"])
@pytest.mark.parametrize(
    ("module", "attribute", "last"), [case for case in CASES if case[2] in ("merge", "merge_all")]
)
def test_worker_processes_give_the_same_results(module, attribute, last, candidate, tmp_path):
    original = load_job(module, attribute).execute_in_process()
    batched = emitted_job("workers", module, attribute, candidate, tmp_path)

    result = batched.execute_in_process()

    assert result.output_for_node(last) == original.output_for_node(last)


def test_a_multiprocess_run_of_batches_gives_the_same_results(tmp_path):
    candidate = Candidate(
        "execute_job",
        "multiprocess",
        "forkserver",
        ("emit_chain_job", "sqlalchemy"),
        max_concurrent=2,
        batch_size=3,
        workers_in_op=2,
        worker_kind="thread",
    )
    original = load_job("emit_chain_job", "chain_job").execute_in_process()
    batched = emitted_job("workers", "emit_chain_job", "chain_job", candidate, tmp_path)

    home = tmp_path / "home"
    home.mkdir()
    with (
        DagsterInstance.local_temp(str(home)) as instance,
        execute_job(reconstructable(batched), instance=instance) as result,
    ):
        assert result.success
        assert result.output_for_node("publish") == original.output_for_node("publish")
        steps = {event.step_key for event in result.all_events if event.step_key}
    assert {"split", "scale_and_describe[batch_0]", "scale_and_describe[batch_1]"} <= steps
