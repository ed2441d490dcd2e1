"""Phases, parallelism and totals of a run."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from observed_runs import make_observed, make_step

from advisor.history.statistics import gantt_bars, op_statistics, totals
from advisor.model.run_statistics import item_count, parallelism, step_phases


def test_each_phase_of_a_mapped_step_is_told() -> None:
    run = make_observed([0.5] * 6, slots=2, tail_s=0.3)
    work = next(op for op in op_statistics([run]) if op.role == "mapped")
    told = {phase.phase: phase.spread_s.median for phase in work.phases}
    assert told["launch"] == pytest.approx(1.0)
    assert told["import and plan"] == pytest.approx(0.05)
    assert told["resources"] == pytest.approx(0.01)
    assert told["log capture"] == pytest.approx(0.04)
    assert told["load"] == pytest.approx(0.02)
    assert told["compute"] == pytest.approx(0.5)
    assert told["store"] == pytest.approx(0.02)
    assert told["tail"] == pytest.approx(0.3)
    assert work.slot_s.median == pytest.approx(1.64)


def test_roles_follow_from_the_order_of_the_steps() -> None:
    roles = {op.op: op.role for op in op_statistics([make_observed([0.5] * 4)])}
    assert roles == {"fan_out": "fan-out", "work": "mapped", "collect": "collect"}


def test_a_wait_for_a_slot_is_told_of_later_items_only() -> None:
    run = make_observed([1.0] * 4, slots=2)
    waits = [p.seconds["wait for a slot"] for p in step_phases(run) if p.step.op == "work"]
    assert waits[:2] == pytest.approx([0.05, 0.05])
    assert min(waits[2:]) > 2.0


def test_an_in_process_run_has_no_launch() -> None:
    run = make_observed([0.5] * 3, slots=1, launch_s=None, executor="in_process")
    work = next(op for op in op_statistics([run]) if op.role == "mapped")
    assert work.phase("launch") is None
    assert work.median_s("compute") == pytest.approx(0.5)


def test_the_same_op_under_other_executors_and_start_methods_stays_apart() -> None:
    runs = [
        make_observed([0.5] * 3),
        make_observed([0.5] * 3, start_method="forkserver", preload_modules=("pandas",)),
        make_observed([0.5] * 3, slots=1, launch_s=None, executor="in_process"),
    ]
    found = [(op.executor, op.way) for op in op_statistics(runs) if op.op == "work"]
    assert found == [
        ("multiprocess", "multiprocess, spawn"),
        ("multiprocess", "multiprocess, forkserver with preload"),
        ("in_process", "in process"),
    ]


def test_parallelism_counts_launching_and_working_apart() -> None:
    run = make_observed([1.0] * 4, slots=4, launch_s=3.0)
    found = parallelism(run)
    assert (found.configured, found.holding_peak, found.working_peak) == (4, 4, 4)
    assert found.overlap == pytest.approx(1.0)
    staggered = replace(
        run,
        steps=tuple(
            make_step(f"work[k{index}]", index * 2.0, launch_s=1.0, work_s=0.4)
            for index in range(4)
        ),
    )
    assert parallelism(staggered).working_peak == 1
    assert parallelism(staggered).overlap == 0.0


def test_totals_are_those_of_the_seeds_table() -> None:
    run = replace(make_observed([0.5] * 8), end_s=20.0, run_start_s=1.4)
    found = totals(run, slots=2)
    assert found.makespan_s == pytest.approx(18.6)
    assert found.work_s == pytest.approx(4.101, abs=1e-3)
    assert found.overhead_s == pytest.approx(14.5, abs=0.01)
    assert found.speed_up == pytest.approx(4.101 / 18.6, abs=1e-3)
    assert found.efficiency == pytest.approx(found.speed_up / 2)


def test_a_run_that_never_began_gives_zeros() -> None:
    run = replace(make_observed([0.5]), steps=(), end_s=0.0)
    assert op_statistics([run]) == ()
    assert parallelism(run).holding_peak == 0
    assert totals(run, 1).overhead_ratio is None
    assert gantt_bars(run) == ()


def test_clocks_that_differ_never_give_negative_phases() -> None:
    skewed = make_step("work[k0]", 5.0)
    skewed = replace(skewed, worker_started_s=4.0, resource_init_started_s=3.0)
    run = replace(make_observed([0.5]), steps=(skewed,))
    assert all(seconds >= 0 for phases in step_phases(run) for seconds in phases.seconds.values())


@given(
    work=st.lists(st.floats(0.0, 50.0), min_size=1, max_size=40),
    slots=st.integers(1, 9),
    tail_s=st.floats(0.0, 3.0),
    launch_s=st.floats(0.0, 5.0),
)
def test_invariants(work: list[float], slots: int, tail_s: float, launch_s: float) -> None:
    run = make_observed(work, slots=slots, tail_s=tail_s, launch_s=launch_s)
    assert item_count(run) == len(work)
    own = ("wait for a slot", "tail")
    for phases in step_phases(run):
        step = phases.step
        inside = sum(seconds for name, seconds in phases.seconds.items() if name not in own)
        assert inside == pytest.approx(step.end_s - step.worker_starting_s, abs=1e-6)
        assert phases.seconds.get("tail", tail_s) >= tail_s - 1e-6
    found = parallelism(run)
    assert found.working_peak <= found.holding_peak <= slots
    assert found.working_mean <= found.working_peak + 1e-9
    assert 0 <= found.overlap <= 1 + 1e-9
    bars = gantt_bars(run)
    assert len(bars) == len(run.steps)
    by_lane: dict[int, list[tuple[float, float]]] = {}
    for bar in bars:
        by_lane.setdefault(bar.lane, []).append((bar.begin_s, bar.end_s))
    for spans in by_lane.values():
        spans.sort()
        assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(spans))
    assert len(by_lane) <= slots
