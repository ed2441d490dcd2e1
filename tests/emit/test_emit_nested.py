"""Batches of fan-outs inside graphs and graph-backed assets give what the originals give."""

from __future__ import annotations

import importlib

import pytest
from dagster import materialize
from emission import JOBS, described, failures, load_job, load_source, request_for, ruff_complaints

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.emit import emit

BATCHES_3 = Candidate("execute_job", "in_process", batch_size=3)
THREADS_ALL = Candidate(
    "execute_job", "in_process", batch_size=99, workers_in_op=8, worker_kind="thread"
)
PROCESSES_3 = Candidate(
    "execute_job", "in_process", batch_size=3, workers_in_op=2, worker_kind="process"
)
WAYS = pytest.mark.parametrize(
    "candidate", [BATCHES_3, THREADS_ALL, PROCESSES_3], ids=["batches", "threads", "processes"]
)
NESTED = "emit_nested_jobs"
ASSETS = "emit_asset_jobs"


def emitted(module, attribute, candidate, folder):
    source = emit("batch", request_for(described(module, attribute), candidate))
    return load_source(source, f"emitted_{attribute}", folder)


@WAYS
@pytest.mark.parametrize(
    ("attribute", "last"), [("nested_job", "outer"), ("mapped_graph_job", "gathered")]
)
def test_results_equal_those_of_a_job_with_graphs(attribute, last, candidate, tmp_path):
    original = load_job(NESTED, attribute).execute_in_process()
    batched = getattr(emitted(NESTED, attribute, candidate, tmp_path), f"{attribute}_batched")

    result = batched.execute_in_process()

    assert result.output_for_node(last) == original.output_for_node(last)


def test_run_config_of_ops_in_graphs_is_translated(tmp_path):
    job = load_job(NESTED, "mapped_graph_job")
    ops = {
        "one_item": {
            "ops": {
                "label": {"config": {"suffix": ";"}},
                "shifted": {"ops": {"scale": {"config": {"factor": 7}}}},
            }
        }
    }
    module = emitted(NESTED, "mapped_graph_job", BATCHES_3, tmp_path)

    result = module.mapped_graph_job_batched.execute_in_process(
        run_config=module.batched_run_config({"ops": ops})
    )

    original = job.execute_in_process(run_config={"ops": ops})
    assert result.output_for_node("gathered") == original.output_for_node("gathered")
    assert result.output_for_node("gathered")[2] == "107;row_1"


def test_a_failing_item_inside_a_graph_is_named_by_its_key(tmp_path):
    module = emitted(NESTED, "failing_nested_job", THREADS_ALL, tmp_path)

    result = module.failing_nested_job_batched.execute_in_process(raise_on_error=False)

    (told,) = failures(result)
    assert not result.success
    assert "1 of 5 items" in told
    assert "row_0: ZeroDivisionError" in told


# --- assets


def materialized(assets, module, **options):
    resources = {"prefix": module.Prefix(text="#")}
    return materialize(assets, resources=resources, **options)


@WAYS
@pytest.mark.parametrize(
    ("attribute", "names"),
    [("labels", ["labels"]), ("squared", ["squares", "sum_of_squares"])],
)
def test_assets_of_a_batched_graph_are_those_of_the_original(attribute, names, candidate, tmp_path):
    module = importlib.import_module(ASSETS)
    original = getattr(module, attribute)
    batched = getattr(emitted(ASSETS, attribute, candidate, tmp_path), f"{attribute}_batched")

    expected = materialized([module.numbers, original], module)
    result = materialized([module.numbers, batched], module)

    assert batched.specs_by_key == original.specs_by_key
    for name in names:
        assert result.output_for_node(attribute, name if len(names) > 1 else "result") == (
            expected.output_for_node(attribute, name if len(names) > 1 else "result")
        )
        assert result.asset_value(name) == expected.asset_value(name)
        assert result.asset_materializations_for_node(attribute)


def test_the_emitted_definitions_hold_a_job_that_materializes_the_asset(tmp_path):
    found = emitted(ASSETS, "alone", BATCHES_3, tmp_path)
    waiting = emitted(ASSETS, "labels", BATCHES_3, tmp_path)

    job = found.defs.resolve_job_def("alone_batched_job")

    assert job.execute_in_process().output_for_node("alone") == [9, 1, 4, 25]
    assert "predicted" in job.description
    assert waiting.defs.resolve_job_def("labels_batched_job")


def test_a_failing_item_of_an_asset_is_named_by_its_key(tmp_path):
    module = importlib.import_module(ASSETS)
    batched = emitted(ASSETS, "inverted", BATCHES_3, tmp_path).inverted_batched

    result = materialized([batched], module, raise_on_error=False)

    (told,) = failures(result)
    assert "n1: ZeroDivisionError" in told


def test_a_job_of_assets_is_refused_with_what_to_do(tmp_path):
    text = (JOBS / f"{ASSETS}.py").read_text()
    text += "\nfrom dagster import define_asset_job\n\nall_of_it = define_asset_job('all_of_it')\n"
    text += "defs = Definitions(assets=defs.assets, jobs=[all_of_it], resources=defs.resources)\n"
    (tmp_path / "asset_job_module.py").write_text(text)
    reference = parse_target("asset_job_module:all_of_it", working_directory=tmp_path)

    with pytest.raises(DynadviseError, match="materializes assets") as caught:
        emit("batch", request_for(describe(load_target(reference)), BATCHES_3))

    assert "MODULE:ASSET" in caught.value.hint


def test_batches_of_graphs_and_assets_are_formatted(tmp_path):
    targets = [(NESTED, name) for name in ("nested_job", "mapped_graph_job", "failing_nested_job")]
    targets += [(ASSETS, name) for name in ("labels", "squared", "inverted")]
    for module, attribute in targets:
        for candidate in (BATCHES_3, THREADS_ALL, PROCESSES_3):
            source = emit("batch", request_for(described(module, attribute), candidate))
            place = tmp_path / f"{attribute}_{candidate.batch_size}_{candidate.worker_kind}.py"
            place.write_text(source, encoding="utf-8")

    assert not ruff_complaints(tmp_path, "--select", "F")
