"""Every way to name a target is imported rightly, hostile names are refused or quoted."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from emission import describe_job, load_source, request_for, ruff_complaints

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.graph import GraphNode, Wire
from advisor.domain.workload import OpReference, TargetReference
from advisor.emit import emit
from advisor.emit.source_text import comment, literal, prose, quoted

BATCHES_OF_2 = Candidate("execute_job", "in_process", batch_size=2)
HOSTILE = 'a"b\'c\\d\n# {{ x }} {% y %} """ \u2028 \x00 é 日本'


def described_by_bridge(spelled, tmp_path, job=None):
    from emission import JOBS

    return describe(load_target(parse_target(spelled, job=job, working_directory=JOBS)))


@pytest.mark.parametrize(
    ("spelled", "job"),
    [
        ("emit_defs", "adding_job"),
        ("emit_defs:defs", "adding_job"),
        ("emit_seed_job:seed_job", None),
        ("emit_seed_job.py:seed_job", None),
        ("emit_seed_job:process", None),
    ],
)
def test_the_emitted_job_imports_the_target_however_it_was_named(spelled, job, tmp_path):
    from emission import JOBS

    if spelled.partition(":")[0].endswith(".py"):
        spelled = str(JOBS / spelled)
    description = described_by_bridge(spelled, tmp_path, job)

    source = emit("batch", request_for(description, BATCHES_OF_2))
    module = load_source(source, f"named_{abs(hash((spelled, job)))}", tmp_path)

    made = getattr(module, f"{description.job_name}_batched")
    expected = [10, 11, 12] if job else list(range(0, 70, 10))
    assert made.execute_in_process().output_for_node("merge") == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"job_name": "two words"}, "'two words'"),
        ({"job_name": "class"}, "'class'"),
        ({"target": TargetReference("x", None, "a/my-job.py", "seed_job", None, ".")}, "'my-job'"),
        ({"target": TargetReference("x", "a.b;c", None, "seed_job", None, ".")}, "'b;c'"),
        (
            {"target": TargetReference("x", "a.b", None, "seed_job as x", None, ".")},
            "'seed_job as x'",
        ),
        ({"graph": (GraphNode("split", inputs=("a b",)),)}, "'a b'"),
        ({"graph": ()}, "does not hold the graph"),
        (
            {"fan_out": OpReference("split", ("inner", "split"))},
            "graph that inner.split fans out",
        ),
        ({"fan_out": None}, "there is no job to run"),
        ({"kind": "asset"}, "is an asset"),
    ],
)
def test_what_cannot_be_batched_is_named(changes, words):
    description = replace(describe_job("emit_seed_job", "seed_job"), **changes)

    with pytest.raises(DynadviseError) as caught:
        emit("batch", request_for(description, BATCHES_OF_2))

    assert words in str(caught.value)
    assert caught.value.hint


def test_a_mapped_graph_whose_ops_are_not_known_is_refused():
    described = describe_job("emit_seed_job", "seed_job")
    nested = tuple(replace(n, is_op=n.name != "process") for n in described.graph)

    with pytest.raises(DynadviseError, match="does not hold the ops of process"):
        emit("batch", request_for(replace(described, graph=nested), BATCHES_OF_2))


def test_a_mapped_op_that_needs_what_another_collected_is_refused():
    nodes = (
        GraphNode("split", outputs=("result",), dynamic_outputs=("result",)),
        GraphNode("a", (Wire("x", (("split", "result"),)),), ("x",), ("result",)),
        GraphNode("fit", (Wire("xs", (("a", "result"),), collected=True),), ("xs",), ("result",)),
        GraphNode(
            "b",
            (Wire("x", (("split", "result"),)), Wire("model", (("fit", "result"),))),
            ("x", "model"),
            ("result",),
        ),
    )
    described = replace(describe_job("emit_seed_job", "seed_job"), graph=nodes)

    with pytest.raises(DynadviseError, match="collected results of another"):
        emit("batch", request_for(described, BATCHES_OF_2))


def test_an_io_manager_of_the_ops_own_is_refused():
    described = describe_job("emit_seed_job", "seed_job")
    mapped = tuple(replace(op, io_manager_keys=("warehouse",)) for op in described.mapped)

    with pytest.raises(DynadviseError, match="warehouse"):
        emit("batch", request_for(replace(described, mapped=mapped), BATCHES_OF_2))


def test_long_names_keep_the_format(tmp_path):
    long = "a_name_of_an_op_that_is_so_long_that_no_line_of_code_can_hold_it_twice_over"
    described = describe_job("emit_seed_job", "seed_job")
    names = {"split": f"{long}_split", "process": f"{long}_process", "merge": f"{long}_merge"}
    nodes = tuple(
        replace(
            node,
            name=names[node.name],
            wires=tuple(
                replace(wire, sources=tuple((names[n], o) for n, o in wire.sources))
                for wire in node.wires
            ),
        )
        for node in described.graph
    )
    fan_out = OpReference(names["split"], (names["split"],))
    described = replace(
        described,
        graph=nodes,
        fan_out=fan_out,
        target=TargetReference("x", f"pkg.{long}", None, long, None, "."),
    )
    (tmp_path / "long.py").write_text(emit("batch", request_for(described, BATCHES_OF_2)))

    assert not ruff_complaints(tmp_path)


def test_hostile_text_stays_text():
    assert ast.literal_eval(quoted(HOSTILE)) == HOSTILE
    assert ast.literal_eval(literal({HOSTILE: [HOSTILE, 1.5, None]})) == {
        HOSTILE: [HOSTILE, 1.5, None]
    }
    assert all(line.startswith("# ") for line in comment(HOSTILE).splitlines())
    assert ast.parse(f'"""{prose([HOSTILE])}\n"""')


def test_hostile_names_in_the_advice_cannot_leave_their_comments(tmp_path):
    candidate = replace(
        BATCHES_OF_2, executor="multiprocess", start_method="forkserver", preload_modules=(HOSTILE,)
    )
    for kind in ("python", "batch", "environments"):
        request = request_for(describe_job("emit_seed_job", "seed_job"), candidate)
        request = replace(request, advice=replace(request.advice, advised_at=HOSTILE))

        ast.parse(emit(kind, request))
