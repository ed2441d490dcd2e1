"""Ops called directly give what a run gives, whatever they need around them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from dagster import IOManagerDefinition, UPathIOManager
from upath import UPath

from advisor.dagster_bridge.invocation import (
    CannotStoreError,
    Invocation,
    item_inputs,
    open_invocation,
)
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import TargetError
from advisor.domain.options import Storing

HERE = Path(__file__).parent
KINDS_CONFIG = {
    "resources": {"pool": {"config": {"size": 5}}},
    "ops": {
        "with_settings": {"config": {"label": "cubed", "power": 3}},
        "with_config": {"config": {"base": 20}},
        "mapped_config": {"config": {"tens": 3}},
    },
}


def opened(name: str, folder: Path, run_config=None):
    where = name if ":" in name else f"bridge_shapes:{name}"
    loaded = load_target(parse_target(where, working_directory=HERE))
    return open_invocation(loaded, describe(loaded, run_config), run_config, folder)


def op_named(invocation: Invocation, name: str):
    return next(
        mapped for mapped in invocation.description.mapped if mapped.reference.node_path[-1] == name
    )


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory):
    with opened("kinds_job", tmp_path_factory.mktemp("stored"), KINDS_CONFIG) as invocation:
        yield invocation


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("with_pool", {"result": "5 4"}),
        ("with_service", {"result": "service db://here 4"}),
        ("with_settings", {"result": "cubed 64"}),
        ("with_config", {"result": 29}),
        ("fixed_config", {"result": 1009}),
        ("mapped_config", {"result": 39}),
        ("yields", {"low": 3, "high": 5}),
        ("returns_two", {"low": 3, "high": 5}),
        ("awaits", {"result": 5}),
        ("awaits_and_yields", {"result": 6}),
        ("waits_for", {"result": "key_4 4"}),
        ("asks_its_run", {"result": "kinds_job True 0 asks_its_run"}),
    ],
)
def test_every_kind_of_op_gives_its_outputs_by_name(kinds, name, outputs) -> None:
    assert kinds.call(op_named(kinds, name), {"value": 4}, key="key_4") == outputs


def test_several_threads_may_call_at_once(kinds) -> None:
    for name in ("with_service", "yields", "awaits"):
        mapped = op_named(kinds, name)
        with ThreadPoolExecutor(4) as threads:
            at_once = list(threads.map(lambda n, op=mapped: kinds.call(op, {"value": n}), range(8)))
        assert at_once == [kinds.call(mapped, {"value": number}) for number in range(8)]


def test_resources_start_once_and_end_with_the_invocation(tmp_path: Path) -> None:
    with opened("kinds_job", tmp_path, KINDS_CONFIG) as invocation:
        import bridge_shapes

        bridge_shapes.STARTED.clear()
        bridge_shapes.ENDED.clear()
        invocation.start_resources()
        invocation.start_resources()
        for _ in range(3):
            invocation.call(op_named(invocation, "with_pool"), {"value": 1})
            invocation.call(op_named(invocation, "with_service"), {"value": 1})
        assert sorted(bridge_shapes.STARTED) == ["db://here", "pool"]
        assert bridge_shapes.ENDED == []
    assert sorted(bridge_shapes.ENDED) == ["db://here", "pool"]


def test_the_fan_out_op_is_called_the_same_way(tmp_path: Path) -> None:
    for name, inputs, items in (
        ("chain_job", {}, {"k0": 0, "k1": 1, "k2": 2}),
        ("composed_job", {"start": 7}, {"0": 7, "1": 8}),
    ):
        with opened(name, tmp_path) as invocation:
            outputs = invocation.call(invocation.description.fan_out, inputs)
            assert outputs == {"result": items}


def test_an_op_that_no_job_uses_takes_resources_from_the_definitions(tmp_path: Path) -> None:
    with opened("bridge_defined:unused", tmp_path) as invocation:
        mapped = invocation.description.mapped[0]
        assert invocation.call(mapped, {"name": "eve"}) == {"result": "hello, eve!"}


def test_a_function_and_an_op_without_job_are_called_with_their_defaults(tmp_path: Path) -> None:
    with opened("plain_function", tmp_path) as invocation:
        mapped = invocation.description.mapped[0]
        assert invocation.call(mapped, {"text": "ab"}) == {"result": "abab"}
    with opened("lone", tmp_path) as invocation:
        mapped = invocation.description.mapped[0]
        assert invocation.call(mapped, {"value": 3}) == {"result": 9}
        invocation.values.store(mapped, {"result": 9}, 0)
        assert invocation.values.load(mapped, 0) == {"result": 9}


def test_inputs_of_each_op_of_a_chain_are_put_together(tmp_path: Path) -> None:
    with opened("branching_job", tmp_path) as invocation:
        results: dict[str, dict[str, object]] = {}
        for mapped in invocation.description.mapped:
            inputs = item_inputs(mapped, {"value": 5}, results, {})
            results[mapped.handle] = invocation.call(mapped, inputs)
        assert results["both"] == {"result": 15}
    with opened("chain_job", tmp_path) as invocation:
        add = op_named(invocation, "add")
        fixed = {"add": {"extra": 7}}
        assert item_inputs(add, {"value": 1}, {"double": {"result": 2}}, fixed) == {
            "value": 2,
            "extra": 7,
        }


def test_what_the_user_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    with opened("plain_function", tmp_path) as invocation, pytest.raises(TypeError):
        invocation.call(invocation.description.mapped[0], {"text": "a", "times_over": "b"})
    with opened("lone", tmp_path) as invocation, pytest.raises(ZeroDivisionError):
        invocation.call(invocation.description.mapped[0], {"value": 0, "power": -1})


# --- IO managers ---


@pytest.mark.parametrize("name", ["chain_job", "shelf_job", "files_job"])
def test_outputs_go_through_the_io_manager_and_nothing_stays(name: str, tmp_path: Path) -> None:
    with opened(name, tmp_path) as invocation:
        mapped = op_named(invocation, "double")
        for index, value in enumerate(({"a": [1, 2]}, "text")):
            invocation.values.store(mapped, {"result": value}, index)
        assert invocation.values.load(mapped, 0) == {"result": {"a": [1, 2]}}
        assert invocation.values.load(mapped, 1) == {"result": "text"}
        written = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert len(written) == (0 if name == "shelf_job" else 2)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


class TextFiles(UPathIOManager):
    """By run, as Dagster names an op's values."""

    def dump_to_path(self, context, obj, path):
        path.write_text(str(obj))

    def load_from_path(self, context, path):
        return path.read_text()


class Latest(TextFiles):
    """The same file in every run."""

    def get_op_output_relative_path(self, context):
        return UPath("latest")


@pytest.mark.parametrize(
    ("kind", "storing", "stores"),
    [
        (TextFiles, Storing.BY_RUN, True),
        (Latest, Storing.BY_RUN, False),
        (Latest, Storing.ANY, True),
        (TextFiles, Storing.NONE, False),
    ],
)
def test_a_file_that_another_run_may_have_kept_is_not_replaced(kind, storing, stores, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "latest").write_text("production")
    loaded = load_target(parse_target("bridge_shapes:chain_job", working_directory=HERE))
    manager = IOManagerDefinition.hardcoded_io_manager(kind(base_path=UPath(kept)))
    loaded = replace(loaded, resource_defs={**loaded.resource_defs, "io_manager": manager})
    described = describe(loaded, None)
    with open_invocation(loaded, described, None, tmp_path / "own", storing=storing) as invocation:
        mapped = op_named(invocation, "double")
        if not stores:
            with pytest.raises(CannotStoreError, match="left alone"):
                invocation.values.store(mapped, {"result": "sample"}, 0)
        else:
            invocation.values.store(mapped, {"result": "sample"}, 0)
            assert invocation.values.load(mapped, 0) == {"result": "sample"}
    if storing is not Storing.ANY:
        assert [(file.name, file.read_text()) for file in kept.rglob("*") if file.is_file()] == [
            ("latest", "production")
        ]


def test_each_output_is_stored_by_its_name(kinds) -> None:
    mapped = op_named(kinds, "yields")
    kinds.values.store(mapped, {"low": 1, "high": 2}, 3)
    assert kinds.values.load(mapped, 3) == {"low": 1, "high": 2}


def test_values_kept_in_memory_cannot_be_stored_and_the_reason_is_told(tmp_path: Path) -> None:
    with opened("in_memory_job", tmp_path) as invocation, pytest.raises(CannotStoreError) as told:
        invocation.values.store(op_named(invocation, "double"), {"result": 1}, 0)
    assert "in memory" in told.value.what


def test_a_missing_run_config_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="needs a run config"), opened("kinds_job", tmp_path):
        pass


def test_an_empty_call_has_a_price_and_a_plain_function_has_none(kinds, tmp_path: Path) -> None:
    assert kinds.empty_call_s() > 0.0
    with opened("plain_function", tmp_path) as invocation:
        assert invocation.empty_call_s() == 0.0
