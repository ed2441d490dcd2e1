"""Depth first by priorities: the emitted job runs each item's chain to its end first."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from dagster import DagsterInstance, execute_job, reconstructable
from emission import describe_job, load_source, request_for

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.workload import OpReference
from advisor.emit import emit
from advisor.examples.two_stage import DOCUMENTS, two_stage_job

ONE_AT_A_TIME = Candidate(
    "execute_job",
    "multiprocess",
    "forkserver",
    ("advisor.examples.two_stage", "sqlalchemy", "dagster._core.storage.sqlite_storage"),
    max_concurrent=1,
    depth_first=True,
)


def described():
    spelled = "advisor.examples.two_stage:two_stage_job"
    return describe(load_target(parse_target(spelled, working_directory=Path(__file__).parents[2])))


def test_the_emitted_job_runs_depth_first_with_the_same_result(tmp_path):
    source = emit("python", request_for(described(), replace(ONE_AT_A_TIME, max_concurrent=2)))
    load_source(source, "emitted_order", tmp_path)
    load_source(
        "from emitted_order import advised_job\n\n\ndef made():\n    return advised_job\n",
        "emitted_order_maker",
        tmp_path,
    )
    import emitted_order_maker

    (tmp_path / "home").mkdir()
    with (
        DagsterInstance.local_temp(str(tmp_path / "home")) as instance,
        execute_job(reconstructable(emitted_order_maker.made), instance=instance) as result,
    ):
        assert result.success
        started = [e.step_key for e in result.all_events if e.event_type_value == "STEP_START"]
        combined = result.output_for_node("combine_fingerprints")
    assert combined == two_stage_job.execute_in_process().output_for_node("combine_fingerprints")
    mapped = [step.partition("[")[0] for step in started if "[" in step]
    assert len(mapped) == 2 * DOCUMENTS
    # Never more documents counted and not fingerprinted than steps run at once.
    ahead = 0
    for op in mapped:
        ahead += 1 if op == "count_words" else -1
        assert ahead <= 3


def test_each_later_op_goes_before_the_earlier_ones():
    text = emit("python", request_for(described(), ONE_AT_A_TIME))

    assert "dynadvise" not in {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    tree = ast.parse(text)
    (priorities,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "PRIORITIES"
    ]
    assert priorities == {"fingerprint": "1"}


def test_run_config_says_that_the_order_needs_code():
    text = emit("run-config", request_for(described(), ONE_AT_A_TIME))
    text = " ".join(text.replace("#", "").split())
    assert "depth first" in text
    assert "dynadvise emit advisor.examples.two_stage:two_stage_job --as python" in text


def test_breadth_first_needs_no_priorities():
    text = emit("python", request_for(described(), replace(ONE_AT_A_TIME, depth_first=False)))
    assert "priority" not in text


def test_ops_inside_a_graph_are_told_where_the_tag_goes():
    description = describe_job("emit_seed_job", "seed_job")
    nested = replace(
        description,
        mapped=tuple(
            replace(op, reference=OpReference(op.name, ("outer", op.name)))
            for op in description.mapped
        ),
    )
    with pytest.raises(DynadviseError, match="depth first") as raised:
        emit("python", request_for(nested, ONE_AT_A_TIME))
    assert "dagster/priority" in str(raised.value.hint)
