"""Emitted batch and worker modules give what the original job gives."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

import pytest
from dagster import validate_run_config
from emission import describe_job, load_job, load_source, multiprocess_run, request_for
from factories import make_sample, make_workload_profile

from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
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
SPAWN = Candidate("execute_job", "multiprocess", "spawn", max_concurrent=2)
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


@pytest.mark.parametrize("candidate", [IN_PROCESS_3, THREADS_ALL], ids=["batch", "threads"])
def test_an_empty_fan_out_that_may_not_be_empty_gives_an_empty_list(candidate, tmp_path):
    original = load_job("emit_plain_jobs", "nothing_job").execute_in_process()
    batched = emitted_job("batch", "emit_plain_jobs", "nothing_job", candidate, tmp_path)

    result = batched.execute_in_process()

    assert result.output_for_node("merge") == original.output_for_node("merge") == []


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

    output, steps = multiprocess_run(batched, "publish", tmp_path)

    assert output == original.output_for_node("publish")
    assert {"split", "scale_and_describe[batch_0]", "scale_and_describe[batch_1]"} <= steps


def profile_of(pairs):
    """A workload whose items have these (bytes, seconds)."""
    profile = make_workload_profile()
    calls = tuple(
        make_sample(i, input_bytes=size, wall_s=wall) for i, (size, wall) in enumerate(pairs)
    )
    return replace(profile, ops=(replace(profile.ops[0], later_calls=calls),))


GROWING = [(1000 * n, 0.1 * n) for n in range(1, 8)]


def test_sizes_that_foretell_durations_deal_the_longest_first(tmp_path):
    request = request_for(
        describe_job("emit_seed_job", "seed_job"), IN_PROCESS_3, workload=profile_of(GROWING)
    )
    emitted = load_source(emit("batch", request), "emitted_longest_first", tmp_path)
    sizes = [900, 10, 10, 10, 10, 800, 10]
    items = [(n, f"key_{n}", "x" * size) for n, size in enumerate(sizes)]

    batches = emitted.BATCHES.in_batches(items)

    assert sorted(item for batch in batches for item in batch) == items
    loads = sorted(sum(len(item[-1]) for item in batch) for batch in batches)
    assert len(batches) == 3
    assert loads[-1] == 900
    assert loads[1] == 800
    result = emitted.seed_job_batched.execute_in_process()
    assert result.output_for_node("merge") == list(range(0, 70, 10))


@pytest.mark.parametrize(
    "pairs",
    [
        GROWING[:4],
        [(1000, 0.1 * n) for n in range(1, 8)],
        [(1000 * n, 0.5) for n in range(1, 8)],
        [(1000 * n, 0.1 + 0.4 * (n % 2)) for n in range(1, 8)],
    ],
    ids=["too few", "sizes alike", "durations alike", "unrelated"],
)
def test_sizes_that_foretell_nothing_leave_the_items_dealt_by_rounds(pairs, tmp_path):
    request = request_for(
        describe_job("emit_seed_job", "seed_job"), IN_PROCESS_3, workload=profile_of(pairs)
    )
    emitted = load_source(emit("batch", request), "emitted_in_turn", tmp_path)

    assert emitted.BATCHES.in_batches(list(range(7))) == [[2, 5], [0, 3, 6], [1, 4]]


def test_worker_processes_of_a_multi_threaded_op_get_one_thread_each(tmp_path):
    request = request_for(describe_job("emit_seed_job", "seed_job"), PROCESSES_ALL)
    advice = request.advice
    threaded = replace(
        request, advice=replace(advice, workload=replace(advice.workload, cpu_s=4 * 0.501))
    )

    assert "THREADS_OF_A_WORKER = 1" in emit("workers", threaded)
    assert "THREADS_OF_A_WORKER" not in emit("workers", request)
    emitted = load_source(emit("workers", threaded), "emitted_one_thread", tmp_path)
    result = emitted.seed_job_batched.execute_in_process()
    assert result.output_for_node("merge") == list(range(0, 70, 10))


def test_batch_emits_the_best_batched_way_where_the_advice_is_another(tmp_path):
    request = request_for(describe_job("emit_seed_job", "seed_job"), SPAWN)

    assert "8 threads per step" in " ".join(emit("batch", request).split())


def test_workers_say_that_no_way_has_any():
    request = request_for(describe_job("emit_seed_job", "seed_job"), SPAWN)
    request = replace(request, advice=replace(request.advice, candidates=()))

    with pytest.raises(DynadviseError, match="workers inside a step"):
        emit("workers", request)


def test_run_config_of_a_chain_is_translated_for_its_batched_op(tmp_path):
    source = emit(
        "batch", request_for(describe_job("emit_configured_job", "configured_job"), IN_PROCESS_3)
    )
    emitted = load_source(source, "emitted_translated", tmp_path)
    given = {
        **load_job("emit_configured_job", "configured_job").run_config,
        "execution": {"config": {"multiprocess": {"max_concurrent": 4}}},
    }

    translated = emitted.batched_run_config(given)

    validate_run_config(emitted.configured_job_batched, translated)
    assert translated["ops"]["scale_and_label"]["config"] == {
        "scale": {"factor": 5},
        "label": {"suffix": "?"},
    }


def test_threads_see_the_steps_context_and_one_configured_op_keeps_its_run_config(tmp_path):
    config = {"ops": {"suffixed": {"config": {"suffix": "!"}}}}
    batched = emitted_job("workers", "emit_context_job", "context_job", THREADS_ALL, tmp_path)

    result = batched.execute_in_process(run_config=config)

    assert result.output_for_node("merge") == ["context0!", "context1!", "context2!"]


def test_a_failure_that_forbids_retries_ends_the_batch_at_once(tmp_path):
    module = importlib.import_module("emit_context_job")
    module.CALLS.clear()
    batched = emitted_job("batch", "emit_context_job", "final_failure_job", THREADS_ALL, tmp_path)

    result = batched.execute_in_process(raise_on_error=False)

    assert not result.success
    assert sorted(module.CALLS) == [0, 1, 2]
