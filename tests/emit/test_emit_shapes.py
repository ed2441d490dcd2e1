"""Shapes of jobs that people have give in batches what they give as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dagster import DagsterInstance
from emission import described, failures, load_job, load_source, request_for, ruff_complaints

from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.emit import emit

SHAPES = "emit_shapes_jobs"
BATCHES_3 = Candidate("execute_job", "in_process", batch_size=3)
THREADS_ALL = replace(BATCHES_3, batch_size=99, workers_in_op=4, worker_kind="thread")
PROCESSES_3 = replace(BATCHES_3, workers_in_op=2, worker_kind="process")
WAYS = (BATCHES_3, THREADS_ALL, PROCESSES_3)
WARM = Candidate("execute_job", "multiprocess", "forkserver", ("sqlalchemy",), max_concurrent=2)
# Job, its last node, how it is run.
JOBS = [
    ("handing_job", "keep", {}),
    ("handing_by_size_job", "keep", {}),
    ("handing_deep_job", "keep", {}),
    ("handing_inside_job", "pair", {}),
    ("mapping_outside_job", "pair", {}),
    ("two_fan_outs_job", "pair", {}),
    ("fan_out_after_fan_out_job", "keep_again", {}),
    ("input_values_job", "keep", {}),
    ("input_in_config_job", "keep", {}),
    ("input_alone_in_config_job", "keep", {}),
    ("configured_chain_job", "keep", {}),
    ("partitioned_job", "keep", {"partition_key": "q"}),
    ("config_mapping_job", "keep", {"run_config": {"end": "E"}}),
    ("knowing_job", "keep", {}),
    ("awaiting_job", "pair", {}),
]
IN_PROCESSES = {"handing_by_size_job", "knowing_job", "awaiting_job"}
# Job, what stands in the way, what to do.
REFUSED = [
    *(
        (f"{job}_job", f"{graph}, a graph that is mapped, makes the config of", "in run config")
        for job, graph in (
            ("mapping", "labelled"),
            ("mapping_of_mapping", "outer_labelled"),
            ("mapping_of_plain", "over_plain"),
            ("mapping_configured", "named_labelled"),
            ("mapping_chain", "labelled"),
            ("mapping_failing", "failing"),
        )
    ),
    ("configured_fixed_job", "fixed_scale is not made by @op", "give its config in run config"),
    ("attaching_job", "attaching takes the resource attached", "context.resources.attached"),
    ("handing_mapped_job", "hands the items of split out, and scale", "move scale beside"),
]


def emitted_job(attribute, candidate, folder, *, kind="batch"):
    source = emit(kind, request_for(described(SHAPES, attribute), candidate))
    assert "dynadvise" not in "".join(line for line in source.splitlines() if "import" in line)
    names = {"python": "advised_job", "instrument": "instrumented_job", "environments": "job_here"}
    name = names.get(kind)
    return getattr(
        load_source(source, f"{kind}_{attribute}", folder), name or f"{attribute}_batched"
    )


def run(job, **how):
    with DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False, **how)


@pytest.mark.parametrize(("attribute", "last", "how"), JOBS, ids=[entry[0] for entry in JOBS])
def test_results_and_their_order_are_the_original_jobs(attribute, last, how, tmp_path):
    expected = run(load_job(SHAPES, attribute), **how).output_for_node(last)
    ways = WAYS if attribute in IN_PROCESSES else WAYS[:2]

    for candidate in ways:
        result = run(emitted_job(attribute, candidate, tmp_path), **how)

        assert result.success, failures(result)
        assert result.output_for_node(last) == expected


@pytest.mark.parametrize("kind", ["python", "instrument"])
def test_values_given_to_a_jobs_inputs_stay_in_other_kinds(kind, tmp_path):
    job = emitted_job("input_values_job", WARM, tmp_path, kind=kind)

    assert run(job).output_for_node("keep") == [9, 10, 11, 12, 13]


@pytest.mark.parametrize("kind", ["batch", "python", "environments", "instrument"])
def test_tags_of_runs_metadata_and_loggers_are_those_of_the_original_job(kind, tmp_path):
    original = load_job(SHAPES, "described_job")

    job = emitted_job("described_job", WARM if kind != "batch" else BATCHES_3, tmp_path, kind=kind)

    job = job() if kind == "environments" else job
    assert (job.tags, job.run_tags) == (original.tags, original.run_tags)
    assert (job.metadata, job.loggers) == (original.metadata, original.loggers)
    with DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(instance=instance)
        assert instance.get_run_by_id(done.run_id).tags["team"] == "sales"


def test_an_op_that_stands_in_a_mapped_graph_as_well_is_timed_in_both_places(tmp_path):
    expected = run(load_job(SHAPES, "mapping_chain_job")).output_for_node("keep")

    result = run(emitted_job("mapping_chain_job", WARM, tmp_path, kind="instrument"))

    assert result.output_for_node("keep") == expected
    timed = {
        event.step_key.partition("[")[0]
        for event in result.all_events
        if event.is_successful_output and "wall_s" in event.step_output_data.metadata
    }
    assert timed == {"scale", "labelled.scale", "labelled.label"}


@pytest.mark.parametrize("attribute", ["handing_failing_job", "awaiting_failing_job"])
@pytest.mark.parametrize("candidate", [BATCHES_3, THREADS_ALL], ids=["batches", "threads"])
def test_a_failing_item_is_named_by_its_key(attribute, candidate, tmp_path):
    result = run(emitted_job(attribute, candidate, tmp_path))

    (told,) = failures(result)
    assert "1 of " in told
    assert "n2: ZeroDivisionError" in told


@pytest.mark.parametrize(
    ("attribute", "run_config"),
    [
        ("handing_by_size_job", {"ops": {"cutting_by_size": {"config": {"size": 2}}}}),
        ("config_mapping_job", {"end": "?"}),
        (
            "configured_chain_job",
            {"ops": {"undeclared": {"config": {"seen": 0}}, "split": {"config": {"step": 2}}}},
        ),
    ],
)
def test_run_config_of_the_original_job_can_be_given(attribute, run_config, tmp_path):
    source = emit("batch", request_for(described(SHAPES, attribute), BATCHES_3))
    module = load_source(source, f"given_{attribute}", tmp_path)
    original = run(load_job(SHAPES, attribute), run_config=run_config)

    result = run(
        getattr(module, f"{attribute}_batched"), run_config=module.batched_run_config(run_config)
    )

    assert original.success
    assert result.output_for_node("keep") == original.output_for_node("keep")


@pytest.mark.parametrize(("attribute", "what", "hint"), REFUSED, ids=[job for job, *_ in REFUSED])
def test_what_cannot_be_batched_is_named_with_the_way_out(attribute, what, hint):
    with pytest.raises(DynadviseError, match=what) as caught:
        emit("batch", request_for(described(SHAPES, attribute), BATCHES_3))

    assert hint in caught.value.hint


def test_the_code_is_formatted(tmp_path):
    for attribute, *_ in JOBS:
        for number, candidate in enumerate(WAYS):
            source = emit("batch", request_for(described(SHAPES, attribute), candidate))
            (tmp_path / f"{attribute}_{number}.py").write_text(source, encoding="utf-8")

    assert not ruff_complaints(tmp_path, "--select", "F")
