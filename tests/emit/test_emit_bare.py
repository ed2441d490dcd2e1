"""A bare op and a plain function get a whole job, which runs as it stands."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from emission import JOBS, load_source, request_for, ruff_complaints

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.emit import emit

BATCHES_2 = Candidate("execute_job", "in_process", batch_size=2)
THREADS_ALL = Candidate(
    "execute_job", "in_process", batch_size=99, workers_in_op=4, worker_kind="thread"
)
PROCESSES_2 = Candidate(
    "execute_job", "in_process", batch_size=2, workers_in_op=2, worker_kind="process"
)
SPAWN_2 = replace(BATCHES_2, executor="multiprocess", start_method="spawn", max_concurrent=2)
WAYS = (BATCHES_2, THREADS_ALL, PROCESSES_2)
NUMBERS = [3, 2, 5, 4]
TARGETS = {
    "all_items": [5, 4, 7, 6],
    "raised": [9, 4, 25, 16],
    "inverted": [6, 12, 3, 4],
    "waited": [4, 3, 6, 5],
    "counted": [[0, 1, 2], [0, 1], [0, 1, 2, 3, 4], [0, 1, 2, 3]],
    "counted_waiting": [[0, 1, 2], [0, 1], [0, 1, 2, 3, 4], [0, 1, 2, 3]],
    "items": [9, 6, 15, 12],
    "waited_op": [4, 3, 6, 5],
    "labelled": ["#3!item_0", "#2!item_1", "#5!item_2", "#4!item_3"],
}


def described(attribute, inputs):
    reference = parse_target(f"emit_bare:{attribute}", working_directory=JOBS)
    return replace(describe(load_target(reference)), inputs=inputs)


def run(source, attribute, folder, **options):
    module = load_source(source, f"emitted_{attribute}", folder)
    return getattr(module, f"{attribute}_batched").execute_in_process(**options)


def results_of(result):
    """The list of all results: of the last step."""
    last = [event.step_key for event in result.all_events if event.is_step_success][-1]
    return result.output_for_node(last)


@pytest.mark.parametrize(
    ("attribute", "candidate"),
    [
        (name, way)
        for name in TARGETS
        for way in WAYS
        if name != "labelled" or way.worker_kind != "process"  # its op asks for the mapping key
    ],
)
def test_a_whole_job_gives_what_the_calls_give_in_their_order(attribute, candidate, tmp_path):
    (tmp_path / "numbers.json").write_text(json.dumps(NUMBERS))
    inputs = str(tmp_path / "numbers.json")
    source = emit("batch", request_for(described(attribute, inputs), candidate))

    result = run(source, attribute, tmp_path)

    assert results_of(result) == TARGETS[attribute]


@pytest.mark.parametrize("attribute", ["raised", "raised_op"])
@pytest.mark.parametrize("candidate", WAYS, ids=["batches", "threads", "processes"])
def test_items_of_a_callable_fill_all_inputs(attribute, candidate, tmp_path):
    inputs = "emit_bare:samples" if attribute == "raised" else None  # the op's tag names them
    source = emit("workers", request_for(described(attribute, inputs), candidate))

    assert results_of(run(source, attribute, tmp_path)) == [0, 1, 4, 27, 16]
    assert len(source.splitlines()) < 120


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("numbers.yaml", "- 3\n- number: 2\n- 5\n- 4\n"),
        ("numbers.jsonl", '3\n{"number": 2}\n\n5\n4\n'),
    ],
)
def test_items_of_other_files_and_as_mappings(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    source = emit("batch", request_for(described("items", str(tmp_path / name)), BATCHES_2))

    assert results_of(run(source, "items", tmp_path)) == TARGETS["items"]


@pytest.mark.parametrize("attribute", ["inverted", "labelled"])
def test_run_config_reaches_the_op_and_a_failing_item_is_named(attribute, tmp_path):
    numbers = [3, 1, 2]
    (tmp_path / "numbers.json").write_text(json.dumps(numbers))
    described_op = described(attribute, str(tmp_path / "numbers.json"))
    source = emit("batch", request_for(described_op, THREADS_ALL))
    if attribute == "labelled":
        config = {"ops": {"labelled": {"config": {"suffix": "?"}}}}
        result = run(source, attribute, tmp_path, run_config=config)
        assert results_of(result)[0] == "#3?item_0"
        return

    result = run(source, attribute, tmp_path, raise_on_error=False)

    failure = next(event for event in result.all_events if event.is_step_failure)
    told = failure.step_failure_data.user_failure_data.description
    assert "1 of 3 items" in told
    assert "item_1: ZeroDivisionError" in told


@pytest.mark.parametrize(
    ("attribute", "inputs", "words"),
    [
        ("raised", None, "where the items of emit_bare:raised come from"),
        ("two_of_them", "emit_bare:samples", "2 inputs"),
        ("raised", "emit bare:samples", "'emit bare'"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_to_do(attribute, inputs, words):
    with pytest.raises(DynadviseError) as caught:
        emit("batch", request_for(described(attribute, inputs), BATCHES_2))

    assert words in str(caught.value)
    assert caught.value.hint


def test_whole_jobs_are_formatted(tmp_path):
    for attribute in (*TARGETS, "raised_op"):
        for inputs in ("numbers.json", "numbers.yaml", "emit_bare:samples"):
            for number, candidate in enumerate((*WAYS, SPAWN_2)):
                source = emit("batch", request_for(described(attribute, inputs), candidate))
                stem = f"{attribute}_{number}_{inputs.replace(':', '_')}"
                (tmp_path / f"{stem}.py").write_text(source, encoding="utf-8")

    assert not ruff_complaints(tmp_path, "--select", "F")
