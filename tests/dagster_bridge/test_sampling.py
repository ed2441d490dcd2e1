"""Samples: what the fan-out op really yields, or what the user gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.dagster_bridge.sampling import draw_samples
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import TargetError, UserCodeError
from advisor.domain.inputs_tag import inputs_tag
from advisor.measure.ops.sample_inputs import read_inputs

HERE = Path(__file__).parent


def target(name: str, run_config=None, directory: Path = HERE):
    where = name if ":" in name else f"bridge_shapes:{name}"
    loaded = load_target(parse_target(where, working_directory=directory))
    return loaded, describe(loaded, run_config)


def drawn(name: str, limit: int | None = None, run_config=None):
    return draw_samples(*target(name, run_config), run_config, limit)


def test_items_come_from_the_fan_out_op_with_their_keys() -> None:
    samples = drawn("chain_job", limit=2)
    assert [(item.key, item.inputs) for item in samples.items] == [
        ("k0", {"value": 0}),
        ("k1", {"value": 1}),
    ]
    assert samples.total_items == 3
    assert samples.fixed_inputs["add"] == {"extra": 7}
    assert samples.op_executions == 2


def test_only_what_is_upstream_runs_and_once() -> None:
    import bridge_shapes

    bridge_shapes.CALLED.clear()
    drawn("composed_job")
    assert sorted(bridge_shapes.CALLED) == ["first_number", "offset"]
    bridge_shapes.CALLED.clear()
    drawn("nested_job")
    assert bridge_shapes.CALLED == ["three"]


@pytest.mark.parametrize(
    ("name", "run_config", "values", "fixed"),
    [
        ("composed_job", None, [100, 101], {"double": {}, "add": {"extra": 7}}),
        (
            "config_input_job",
            {"ops": {"add": {"inputs": {"extra": {"value": 3}}}}},
            [0, 1, 2],
            {"add": {"extra": 3}},
        ),
        ("default_input_job", None, [0, 1, 2], {"with_default": {}}),
        ("counted", None, [0, 1, 2], {"counted.double": {}}),
    ],
)
def test_inputs_from_elsewhere(name, run_config, values, fixed) -> None:
    samples = drawn(name, run_config=run_config)
    assert [item.inputs["value"] for item in samples.items] == values
    assert samples.fixed_inputs == fixed


def test_a_fixed_input_may_be_collected_from_another_fan_out() -> None:
    samples = drawn("two_fan_outs_job")
    fixed = next(iter(samples.fixed_inputs.values()))
    assert fixed in ({"extra": 6}, {})


@pytest.mark.parametrize("name", ["bridge_defined:squares", "bridge_defined:squares_job"])
def test_upstream_assets_are_computed_and_not_stored(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    assert drawn(name).total_items == 5
    assert list(home.iterdir()) == []
    assert list(tmp_path.iterdir()) == [home]


def test_upstream_values_do_not_go_through_the_users_io_manager() -> None:
    import bridge_shapes

    bridge_shapes.SHELF.clear()
    assert drawn("shelf_job").fixed_inputs["add"] == {"extra": 7}
    assert bridge_shapes.SHELF == {}


def test_an_op_that_raises_while_samples_are_drawn_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "raises_early.py").write_text(
        "from dagster import DynamicOut, DynamicOutput, job, op\n"
        "@op\ndef before():\n    raise ValueError('no data today')\n"
        "@op(out=DynamicOut())\ndef split(source):\n    yield DynamicOutput(1, 'a')\n"
        "@op(out=DynamicOut())\ndef torn():\n    yield DynamicOutput(1, 'a')\n    1 / 0\n"
        "@op(out=DynamicOut())\ndef empty():\n    yield from ()\n"
        "@op\ndef work(item):\n    return item\n"
        "@job\ndef early():\n    split(before()).map(work)\n"
        "@job\ndef late():\n    torn().map(work)\n"
        "@job\ndef none():\n    empty().map(work)\n"
    )
    for name, op, raised, line in (
        ("early", "before", "ValueError", 4),
        ("late", "torn", "ZeroDivisionError", 11),
    ):
        with pytest.raises(UserCodeError) as failed:
            draw_samples(*target(f"raises_early:{name}", directory=tmp_path), None, None)
        assert op in failed.value.what
        assert raised in failed.value.what
        assert failed.value.where == f"{tmp_path / 'raises_early.py'}:{line}"
        assert "site-packages" not in failed.value.details
    with pytest.raises(TargetError, match="yielded no item"):
        draw_samples(*target("raises_early:none", directory=tmp_path), None, None)


def test_without_any_source_the_three_ways_are_shown() -> None:
    with pytest.raises(TargetError) as failed:
        drawn("lone")
    said = str(failed.value)
    assert "--inputs" in said
    assert "dynadvise/inputs" in said
    assert "JOB" in said


# --- --inputs ---


def read(text: str, suffix: str, folder: Path, name: str = "plain_function"):
    file = folder / f"items{suffix}"
    file.write_text(text)
    return [item.inputs for item in read_inputs(str(file), target(name)[1], folder)]


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ('[{"text": "a"}, {"text": "b", "times_over": 3}]', ".json"),
        ('{"text": "a"}\n\n{"text": "b", "times_over": 3}\n', ".jsonl"),
        ("- text: a\n- {text: b, times_over: 3}\n", ".yaml"),
    ],
)
def test_each_format_gives_the_same_inputs(text, suffix, tmp_path: Path) -> None:
    assert read(text, suffix, tmp_path) == [{"text": "a"}, {"text": "b", "times_over": 3}]


def test_an_entry_may_be_the_value_itself(tmp_path: Path) -> None:
    assert read('["a", "b"]', ".json", tmp_path) == [{"text": "a"}, {"text": "b"}]
    assert read('[1, {"value": 2}]', ".json", tmp_path, "double") == [{"value": 1}, {"value": 2}]
    assert read('[{"other": 1}]', ".json", tmp_path, "double") == [{"value": {"other": 1}}]


def test_an_entry_may_carry_the_mapping_key(tmp_path: Path) -> None:
    file = tmp_path / "items.json"
    file.write_text('[{"value": 1, "mapping_key": "k1"}, {"value": 2}, {"mapping_key": "k3"}]')
    items = read_inputs(str(file), target("double")[1], tmp_path)
    assert [(item.key, item.inputs) for item in items] == [
        ("k1", {"value": 1}),
        (None, {"value": 2}),
        (None, {"value": {"mapping_key": "k3"}}),
    ]


def test_a_callable_gives_the_same_and_the_tag_names_one() -> None:
    description = target("plain_function")[1]
    items = read_inputs("bridge_shapes:sample_texts", description, HERE)
    assert [item.inputs for item in items] == [{"text": "a"}, {"text": "b", "times_over": 3}]
    root = HERE.parent.parent
    tagged = target("advisor.examples.bare_op:stretch_password", directory=root)[1]
    assert len(read_inputs(inputs_tag(tagged), tagged, root)) == 10


@pytest.mark.parametrize(
    ("text", "suffix", "name", "said"),
    [
        ('{"text": "a"}', ".json", "plain_function", ["mapping", "not a list"]),
        ("[]", ".json", "plain_function", ["no items"]),
        ("", ".yaml", "plain_function", ["no items"]),
        ('[{"text": "a"},]', ".json", "plain_function", ["not JSON", ":1:"]),
        ('{"text": "a"}\n{"text": \n', ".jsonl", "plain_function", ["Line 2", ":2:"]),
        ("1\n" + "[" * 100_000, ".jsonl", "plain_function", ["Line 2", "recursion"]),
        ("1\n" + "9" * 5000, ".jsonl", "plain_function", ["Line 2", "4300"]),
        ("- a: [", ".yaml", "plain_function", ["not YAML"]),
        ('[{"text": "a"}, {"text": "a", "time_over": 1}]', ".json", "plain_function",
         ["'time_over'", "entry 2", "times_over"]),
        ('{"value": 1, "extra": 2}\n{"value": 1}\n', ".jsonl", "bridge_shapes:add_alone",
         ["'extra'", "missing", "line 2"]),
        ("[5]", ".json", "bridge_shapes:add_alone", ["mapping of its inputs", "entry 1"]),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(text, suffix, name, said, tmp_path) -> None:
    with pytest.raises(TargetError) as failed:
        read(text, suffix, tmp_path, name)
    for part in said:
        assert part in str(failed.value)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("absent.json", "no file"),
        ("bridge_shapes:sample_text", "sample_text"),
        ("no_such_module_here:f", "no_such_module_here"),
    ],
)
def test_a_source_that_is_not_there(spec: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        read_inputs(spec, target("plain_function")[1], HERE)


def test_a_callable_that_raises_is_the_users(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "bad_samples.py").write_text("def make():\n    yield 1\n    raise KeyError('x')\n")
    with pytest.raises(UserCodeError) as failed:
        read_inputs("bad_samples:make", target("plain_function")[1], tmp_path)
    assert failed.value.where == f"{tmp_path / 'bad_samples.py'}:3"


def test_one_frame_is_no_list_of_items(tmp_path: Path, monkeypatch) -> None:
    """Iterating over one gives the names of its columns."""
    monkeypatch.syspath_prepend(str(tmp_path))
    frame = "class Frame:\n    columns = ['a']\n    def __iter__(self):\n        yield 'a'\n"
    (tmp_path / "framed_samples.py").write_text(frame)
    with pytest.raises(TargetError, match="holds a Frame, not a list"):
        read_inputs("framed_samples:Frame", target("plain_function")[1], tmp_path)


def test_the_op_that_failed_is_blamed_and_never_for_what_dagster_lacks(tmp_path) -> None:
    (tmp_path / "blamed.py").write_text(
        """
import dagster as dg

@dg.op
def fine():
    return 1

@dg.op
def torn(one):
    if one == 1:
        raise ValueError("of the user's")

@dg.op(out=dg.DynamicOut())
def fan(given):
    raise dg.DagsterInvariantViolationError("only in a run")

@dg.op
def work(item):
    return item

@dg.job
def before_job():
    fan(torn(fine())).map(work)

@dg.job
def itself_job():
    fan(fine()).map(work)
"""
    )
    for job, op, line, advice in (
        ("before_job", "torn", 11, "Correct the op"),
        ("itself_job", "fan", 15, "If it works in a run, give sample items"),
    ):
        loaded = load_target(parse_target(f"blamed.py:{job}", working_directory=tmp_path))
        with pytest.raises(UserCodeError) as failed:
            draw_samples(loaded, describe(loaded), None, None)
        assert failed.value.what.startswith(f"'{op}' raised")
        assert failed.value.where == f"{tmp_path / 'blamed.py'}:{line}"
        assert failed.value.hint.startswith(advice)
