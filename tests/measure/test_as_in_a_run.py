"""What is measured gives what a run of Dagster gives, item by item."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import pytest
import run_shapes
from dagster import DagsterInstance, Failure, JobDefinition

from advisor.api.further import measurable
from advisor.dagster_bridge.discovery import describe_further
from advisor.dagster_bridge.sampling import draw_samples
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import TargetError
from advisor.domain.fan_outs import runs_again
from advisor.domain.options import MeasureOptions
from advisor.measure.meter import Meter
from advisor.measure.ops.orders import Assignment
from advisor.measure.ops.session import Session, session
from advisor.measure.workload.children import ProfileRequest
from advisor.measure.workload.planned_calls import planned_calls

SHAPES = Path(__file__).parent


def loaded_job(name: str, job: str | None = None):
    spelled = name if job or ":" in name else f"run_shapes:{name}"
    return load_target(parse_target(spelled, job=job, working_directory=SHAPES))


@pytest.fixture
def opened(tmp_path: Path):
    def open_session(name: str, partition=None, run_config=None, job=None):
        loaded = loaded_job(name, job)
        described = describe(loaded, run_config, partition)
        assignment = Assignment(described, run_config, str(tmp_path), None, 10, 60.0)
        return session(assignment, loaded=loaded)

    return open_session


def values(opened: Session) -> list[object]:
    return [opened.call_chain(item) for item in range(len(opened.drawn.keys))]


def values_of_run(job: JobDefinition, op: str, **asked: object) -> list[object]:
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("shops", ["north"])
        result = job.execute_in_process(instance=instance, **asked)
    return list(result.output_for_node(op).values())


@pytest.mark.parametrize(
    ("name", "last", "other"),
    [
        ("by_key", "tue", "mon"),
        ("by_cell", "rome|tue", "rome|mon"),
        ("by_day", "2024-01-03", "2024-01-02"),
        ("by_region", "us", "eu"),
    ],
)
def test_a_partition_is_there_as_in_a_run_and_the_last_one_by_default(
    name: str, last: str, other: str, opened
) -> None:
    loaded = loaded_job(name)
    op = describe(loaded).mapped[0].handle
    for asked, key in ((None, last), (other, other)):
        with opened(name, asked) as calls:
            assert values(calls) == values_of_run(loaded.job, op, partition_key=key)


def test_a_partition_of_an_asset_and_one_that_only_the_instance_knows(opened) -> None:
    with opened("rows", "mon") as calls:
        assert values(calls) == ["mon mon n0 0", "mon mon n1 1"]
    with opened("by_shop", "north") as calls:
        run = values_of_run(loaded_job("by_shop").job, "key_of", partition_key="north")
        assert values(calls) == run
    with pytest.raises(TargetError, match="has none yet") as asked:
        describe(loaded_job("by_shop"))
    assert "--partition KEY" in asked.value.hint


def test_a_dynamic_dimension_of_a_partition_is_known_to_the_run(opened) -> None:
    with opened("by_shop_and_day", "mon|north") as calls:
        assert values(calls) == ["True 0", "True 1"]


def test_dynamic_partitions_are_read_from_the_users_instance(tmp_path, monkeypatch) -> None:
    loaded = loaded_job("by_shop")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(TargetError, match="has none yet"):
        describe(loaded)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("shops", ["south", "west"])
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    assert describe(loaded).partition == "west"
    assert describe(loaded, None, "east").partition == "east"
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_partition_that_is_not_there_is_refused() -> None:
    with pytest.raises(TargetError, match="Did you mean mon"):
        describe(loaded_job("by_key"), None, "mo")
    with pytest.raises(TargetError, match="not partitioned"):
        describe(loaded_job("looked_up"), None, "mon")


def test_the_run_is_looked_up_with_its_tags_and_is_one_for_all_processes(
    opened, tmp_path: Path
) -> None:
    run = values_of_run(loaded_job("looked_up").job, "tag_of")
    with opened("looked_up") as calls:
        assert values(calls) == run
    drawn, assignment = calls.drawn, calls.assignment
    with session(assignment, drawn=drawn) as another:
        assert values(another) == run
        assert another.invocation.run.run_id == calls.invocation.run.run_id


@pytest.mark.parametrize(
    ("name", "run_config"),
    [("plain_flow", run_shapes.WHOLE), ("own_flow", None), ("mapped_flow", {"size": 2})],
)
def test_a_part_of_a_job_takes_its_part_of_the_run_config(name, run_config, opened) -> None:
    """Graph inputs, ops and resources of what is downstream are not known to what is upstream."""
    for spelled, job in ((f"run_shapes:{name}", None), ("run_shapes", name)):
        with opened(spelled, run_config=run_config, job=job) as calls:
            assert values(calls) == ["60 here", "62 here"]
            assert calls.assignment.description.executor.executor == "in_process"


def test_what_is_not_yielded_skips_what_follows(opened) -> None:
    run = loaded_job("branches").job.execute_in_process()
    steps = {event.step_key for event in run.all_events if event.is_step_success}
    with opened("branches") as calls:
        called, given = set(), []
        for item, key in enumerate(calls.drawn.keys):
            measured, _ = calls.measure_chain(item, Meter())
            called |= {f"{handle}[{key}]" for handle in measured.samples}
            given.append(calls.call_chain(item))
    assert called == {step for step in steps if "[" in step}
    assert [value for value in given if value] == [
        ("even", 0), ("odd", 1, "after"), ("even", 2), ("odd", 3, "after"),
    ]  # fmt: skip


def test_outputs_that_are_returned_need_no_name(opened) -> None:
    run = values_of_run(loaded_job("unnamed").job, "yielding_below")
    with opened("unnamed") as calls:
        assert values(calls) == run == [40, 40]


def test_an_optional_output_that_is_missing_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "missing.py").write_text(
        "import dagster as dg\n"
        "@dg.op(out={'items': dg.DynamicOut(), 'size': dg.Out(is_required=False)})\n"
        "def split():\n    yield dg.DynamicOutput(1, 'a', 'items')\n"
        "@dg.op\ndef work(item, size):\n    return item\n"
        "@dg.job\ndef flow():\n"
        "    items, size = split()\n    items.map(lambda item: work(item, size))\n"
    )
    loaded = load_target(parse_target("missing:flow", working_directory=tmp_path))
    with pytest.raises(TargetError, match="'split' did not give its output 'size'"):
        draw_samples(loaded, describe(loaded), None, None)


def test_a_resource_is_told_which_run_it_is_started_for(opened) -> None:
    with opened("in_sessions") as calls:
        assert values(calls) == values_of_run(loaded_job("in_sessions").job, "asks_in_session")


def test_ops_of_graphs_in_a_mapped_graph_are_called_in_their_order(opened) -> None:
    with opened("graphs_in_a_graph") as calls:
        assert values(calls) == [0, 121]


def test_each_dynamic_output_of_an_op_is_a_fan_out_of_its_own(tmp_path: Path) -> None:
    loaded = loaded_job("by_kind")
    first = describe(loaded)
    (second,) = describe_further(loaded, first, None)
    names = {"of_even": "by_parity (even)", "of_odd": "by_parity (odd)"}
    collecting = {"of_even": [], "of_odd": ["of_one"]}
    assert {op.handle for each in (first, second) for op in each.mapped} == set(names)
    for described, other in ((first, second), (second, first)):
        assert described.other_fan_outs == (names[other.mapped[0].handle],)
        collects = [op.handle for op in described.collects]
        assert collects == collecting[described.mapped[0].handle]
    for described in (first, second):
        (op,) = described.mapped
        assignment = Assignment(described, None, str(tmp_path / op.handle), None, 10, 60.0)
        (tmp_path / op.handle).mkdir()
        with session(assignment, loaded=loaded) as calls:
            assert values(calls) == values_of_run(loaded.job, op.handle)


def test_an_op_with_two_dynamic_outputs_runs_once_where_none_may_run_twice() -> None:
    loaded = loaded_job("by_kind")
    first = describe(loaded)
    further = describe_further(loaded, first, None)
    every = (first, *further)
    twice, once = (
        measurable(
            ProfileRequest(first, options=MeasureOptions(allow_side_effects=allowed)), further
        )
        for allowed in (True, False)
    )
    assert (twice.further, once.further) == (further, ())
    (other,) = first.other_fan_outs
    assert other not in planned_calls(twice, 60.0)[0]
    assert f"; not '{other}', " in planned_calls(once, 60.0)[0]
    assert all(runs_again(each, every) for each in every)


def test_only_outputs_that_were_given_are_stored_and_loaded(opened) -> None:
    with opened("branches") as calls:
        for item in range(len(calls.drawn.keys)):
            calls.measure_chain(item, Meter())
        assert not calls.notes


def test_events_are_counted_as_a_run_records_them(opened) -> None:
    run = loaded_job("recorded").job.execute_in_process()
    events = Counter(event.step_key for event in run.all_events if event.step_key)
    expected = {"silent": 0, "logging_events": 3, "yielding_events": 2, "giving_three": 4}
    with opened("recorded") as calls:
        measured, _ = calls.measure_chain(0, Meter())
    counted = {handle: sample.events for handle, sample in measured.samples.items()}
    assert counted == {**expected, "hooked": 1}
    of_run = {op: events[f"{op}[n0]"] - events["silent[n0]"] for op in counted}
    assert counted == of_run
    assert measured.samples["logging_events"].asset_events == 2


def test_hooks_are_called_as_a_step_calls_them_and_their_seconds_are_kept_apart(opened) -> None:
    run_shapes.ANNOUNCED.clear()
    loaded_job("announced").job.execute_in_process()
    in_run = [told for told in run_shapes.ANNOUNCED if told[1].startswith("plus_one")]
    run_shapes.ANNOUNCED.clear()
    with opened("announced") as calls:
        (op,) = calls.chain
        measured = [calls.measure_chain(item, Meter())[0].samples["plus_one"] for item in (0, 1)]
        (note,) = calls.notes
    assert note.startswith("Hook 'broken_hook' of op 'plus_one' raised OSError")
    assert note.endswith("a run records that and goes on.")
    assert op.hooks == ("alarm", "announce", "broken_hook")
    assert in_run == run_shapes.ANNOUNCED
    assert all(sample.hook_s >= 0.1 > sample.wall_s for sample in measured)


def test_lines_of_the_context_log_are_events(opened) -> None:
    with opened("by_line") as calls:
        measured, _ = calls.measure_chain(0, Meter())
    assert measured.samples["three_lines"].events == 3


def test_an_op_that_fails_now_and_then_is_retried_as_in_a_run(opened) -> None:
    with opened("retried") as calls:
        assert values(calls) == ["0 after 0, 2", "1 after 1, 2"]
        measured, _ = calls.measure_chain(1, Meter())
    assert [sample.attempts for sample in measured.samples.values()] == [2, 3]


@pytest.mark.parametrize(("op", "attempts"), [("fails", 2), ("gives_up", 1)])
def test_no_more_retries_are_made_than_in_a_run(op: str, attempts: int, opened) -> None:
    with opened("failing") as calls:
        mapped = next(each for each in calls.chain if each.handle == op)
        prepared = calls.invocation.prepare(mapped, {"n": 0})
        with pytest.raises((ValueError, Failure)):
            prepared.run()
    assert prepared.events.attempts == attempts


def test_a_resource_is_started_by_the_ops_that_need_it_and_once_a_process(opened) -> None:
    run_shapes.STARTED.clear()
    with opened("resourceful") as calls:
        assert values(calls) == [0, 1]
        assert run_shapes.STARTED == ["start"]
    assert run_shapes.STARTED == ["start", "end"]


def test_an_op_knows_its_place_in_the_job(opened) -> None:
    with opened("placed") as calls:
        assert values(calls) == values_of_run(loaded_job("placed").job, "here")


def test_an_op_that_leaves_a_process_is_named(opened) -> None:
    with opened("with_processes") as calls:
        try:
            calls.measure_chain(0, Meter())
        finally:
            for child in multiprocessing.active_children():
                child.kill()
                child.join()
        (note,) = calls.notes
    assert "'leaves_a_process' leaves a process" in note
