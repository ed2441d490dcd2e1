"""What a job is: fan-out, chain, fixed inputs, what collects; and the hash of an op's code."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from dagster import graph, job, op

from advisor.dagster_bridge.plan import execution_plan
from advisor.dagster_bridge.source_hash import source_hash
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import TargetError
from advisor.domain.workload import WorkloadDescription

HERE = Path(__file__).parent
EXTRA = {"ops": {"add": {"inputs": {"extra": {"value": 3}}}}}


def described(name: str, run_config=None) -> WorkloadDescription:
    where = name if ":" in name else f"bridge_shapes:{name}"
    return describe(load_target(parse_target(where, working_directory=HERE)), run_config)


def handles(references) -> list[str]:
    return [reference.handle for reference in references]


def test_chain_of_two_with_an_input_from_elsewhere() -> None:
    description = described("chain_job")
    double, add = description.mapped
    assert description.fan_out.handle == "three"
    assert (double.handle, double.item_input, double.fixed_inputs) == ("double", "value", ())
    assert (add.handle, add.item_input, add.fixed_inputs) == ("add", "value", ("extra",))
    assert add.sources == {"value": ("double", "result")}
    assert handles(description.upstream) == ["offset"]
    assert handles(description.collects) == ["total"]
    assert description.other_steps == 1
    assert description.reconstructable


def test_the_same_chain_composed_in_one_lambda() -> None:
    description = described("composed_job")
    assert [mapped.handle for mapped in description.mapped] == ["double", "add"]
    assert handles(description.upstream) == ["first_number", "offset"]


def test_nested_graphs_give_whole_handles() -> None:
    description = described("nested_job")
    assert description.fan_out.node_path == ("whole", "three")
    assert [mapped.handle for mapped in description.mapped] == [
        "whole.inner.double",
        "whole.inner.double_2",
    ]
    assert handles(description.collects) == ["whole.total"]


def test_an_op_that_takes_the_item_and_another_ops_result() -> None:
    _, both = described("branching_job").mapped
    assert both.sources == {"value": ("three", "result"), "again": ("double", "result")}


def test_of_several_fan_outs_the_first_is_taken_or_the_target_ops_own() -> None:
    whole = described("two_fan_outs_job")
    assert len(whole.mapped) == 1
    assert whole.other_steps + len(whole.upstream) + len(whole.collects) == 4


def test_an_input_from_run_config_or_left_to_its_default_is_fixed() -> None:
    assert described("config_input_job", EXTRA).mapped[0].fixed_inputs == ("extra",)
    mapped = described("default_input_job").mapped[0]
    assert mapped.fixed_inputs == ("power",)
    assert mapped.optional_inputs == ("power",)


def test_a_missing_input_value_is_named() -> None:
    with pytest.raises(TargetError, match="extra"):
        described("config_input_job")


@pytest.mark.parametrize(
    ("name", "said"),
    [("plain_job", "no dynamic output"), ("unmapped_job", "maps nothing")],
)
def test_a_job_without_items_says_so(name: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        described(name)


def test_the_kinds_of_ops_are_told_apart_without_a_run_config() -> None:
    ops = {mapped.name: mapped for mapped in described("kinds_job").mapped}
    assert {name for name, mapped in ops.items() if mapped.is_async} == {
        "awaits",
        "awaits_and_yields",
    }
    assert {name for name, mapped in ops.items() if mapped.is_generator} == {
        "awaits_and_yields",
        "yields",
    }
    assert ops["with_pool"].resource_keys == ("pool",)
    assert ops["with_service"].resource_keys == ("service",)
    assert ops["with_service"].inputs == ("value",)
    assert ops["with_pool"].pool == "db"
    assert ops["yields"].outputs == ("low", "high")
    assert ops["waits_for"].inputs == ("value",)


def test_an_in_memory_io_manager_under_multiprocess_does_not_hide_the_structure() -> None:
    assert len(described("in_memory_job").mapped) == 2


def test_assets_are_described_by_their_graph() -> None:
    description = described("counted")
    assert description.kind == "asset"
    assert description.fan_out.handle == "counted.three"
    assert described("bridge_defined:squares_job").upstream[0].handle == "base"


def test_a_bare_op_and_a_function_have_one_mapped_op_and_no_fan_out() -> None:
    op = described("lone")
    assert (op.fan_out, op.mapped[0].item_input, op.job_name) == (None, "value", None)
    function = described("plain_function")
    assert function.mapped[0].inputs == ("text", "times_over")
    assert function.mapped[0].item_input == "text"
    assert function.mapped[0].outputs == ("result",)
    assert function.mapped[0].location.file.endswith("bridge_shapes.py")


# --- the hash of the code ---

PACKAGE = {
    "__init__.py": "",
    "work.py": """
        from . import rates
        from .shapes import area as surface

        FACTOR = 3
        UNRELATED = 1

        def helper(x):
            return x * FACTOR + rates.current(x)

        def target(x):
            return helper(surface(x))

        def other(x):
            return x
        """,
    "rates.py": """
        def current(x):
            return x + 1

        def unused(x):
            return x
        """,
    "shapes.py": """
        def area(x):
            return x * x
        """,
}


@pytest.fixture
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Hash of ``target`` after replacing some text in a file of a small package."""
    monkeypatch.syspath_prepend(str(tmp_path))
    turn = 0

    def of(file: str = "work.py", old: str = "", new: str = "") -> str:
        nonlocal turn
        turn += 1
        package = tmp_path / "hashed_package"
        package.mkdir(exist_ok=True)
        for name, source in PACKAGE.items():
            text = dedent(source).lstrip()
            if name == file and old:
                assert old in text
                text = text.replace(old, new)
            place = package / name
            place.write_text(text)
            stamp = 1_700_000_000_000_000_000 + turn
            import os

            os.utime(place, ns=(stamp, stamp))
        for name in [name for name in sys.modules if name.startswith("hashed_package")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return source_hash(importlib.import_module("hashed_package.work").target)
        finally:
            sys.dont_write_bytecode = before

    return of


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("work.py", "helper(surface(x))", "helper(surface(x)) + 1"),
        ("work.py", "FACTOR = 3", "FACTOR = 4"),
        ("work.py", "x * FACTOR", "x / FACTOR"),
        ("rates.py", "return x + 1", "return x + 2"),
        ("shapes.py", "x * x", "x * 2"),
    ],
)
def test_the_hash_changes_with_what_the_op_does(hashed, file, old, new) -> None:
    assert hashed(file, old, new) != hashed()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("work.py", "def target(x):", "# said\n\ndef target(x):\n    '''Documented.'''"),
        ("work.py", "UNRELATED = 1", "UNRELATED = 2"),
        ("work.py", "def other(x):\n    return x", "def other(x):\n    return x + 9"),
        ("rates.py", "def unused(x):\n    return x", "def unused(x):\n    return x * 7"),
    ],
)
def test_and_not_with_comments_or_what_it_does_not_reach(hashed, file, old, new) -> None:
    assert hashed(file, old, new) == hashed()


def test_what_has_no_source_has_no_hash() -> None:
    assert source_hash(len) is None


def test_graphs_inside_a_job_that_lacks_its_run_config_do_not_hide_its_steps() -> None:
    @op(config_schema={"depth": int})
    def dig(context) -> int:
        return int(context.op_config["depth"])

    @graph
    def inner():
        return dig()

    @graph
    def outer():
        return inner()

    @job
    def nested():
        outer()

    planned = execution_plan(nested, None)
    assert [step.key for step in planned.get_all_steps_in_topo_order()] == ["outer.inner.dig"]
