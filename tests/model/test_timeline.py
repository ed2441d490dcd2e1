"""The simulated timeline of the multiprocess executor: hand-checkable cases and invariants."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.domain.overhead import MultiprocessOverhead
from advisor.model.run_plan import RunPlan, StepWork
from advisor.model.timeline import MultiprocessRun

FREE = MultiprocessOverhead(
    start_s=0.0,
    server_start_s=0.0,
    boot_s=0.0,
    prepare_s=0.0,
    load_s=0.0,
    finish_s=0.0,
    exit_s=0.0,
    fan_out_output_s=0.0,
    collect_input_s=0.0,
    end_s=0.0,
    parent_step_s=0.0,
)
SPAWN = MultiprocessOverhead(
    start_s=0.2,
    server_start_s=0.0,
    boot_s=1.2,
    prepare_s=0.08,
    load_s=0.02,
    finish_s=0.02,
    exit_s=0.7,
    fan_out_output_s=0.015,
    collect_input_s=0.008,
    end_s=0.03,
)


def simulate(overhead, plan, **options):
    return MultiprocessRun(overhead, plan, **options).run()


def plan(*works: StepWork) -> RunPlan:
    return RunPlan((), [[work] for work in works], ())


def test_waits_overlap_and_only_the_slots_limit_them() -> None:
    works = [StepWork(0.0, wait_s=1.0)] * 4
    assert simulate(FREE, plan(*works), cores=1, max_concurrent=4).makespan_s == pytest.approx(
        1.0, abs=0.15
    )
    assert simulate(FREE, plan(*works), cores=1, max_concurrent=2).makespan_s == pytest.approx(
        2.0, abs=0.15
    )


def test_computing_shares_the_cores() -> None:
    works = [StepWork(1.0)] * 4
    four_at_once = simulate(FREE, plan(*works), cores=2, max_concurrent=4).makespan_s
    assert four_at_once == pytest.approx(2.0, abs=0.15)


def test_a_step_that_uses_two_threads_takes_half_as_long_alone() -> None:
    alone = simulate(FREE, plan(StepWork(2.0, threads=2.0)), cores=2, max_concurrent=1)
    crowded = simulate(FREE, plan(StepWork(2.0, threads=2.0)), cores=1, max_concurrent=1)
    assert alone.makespan_s == pytest.approx(1.0, abs=0.15)
    assert crowded.makespan_s == pytest.approx(2.0, abs=0.15)


def test_one_step_at_a_time_costs_each_phase_in_turn() -> None:
    steps = 3
    found = simulate(SPAWN, plan(*[StepWork(0.0, wait_s=0.5)] * steps), cores=2, max_concurrent=1)
    each = 1.2 + 0.08 + 0.02 + 0.02 + 0.7 + 0.01 + 0.5
    assert found.makespan_s == pytest.approx(0.23 + steps * each, rel=0.02)


def test_the_parent_waits_for_a_finished_process_to_exit() -> None:
    """While the parent is in join(), a free slot is not refilled."""
    slow_exit = replace(FREE, exit_s=1.0)
    works = [StepWork(0.0, wait_s=0.1), StepWork(0.0, wait_s=0.6), StepWork(0.0, wait_s=0.1)]
    found = simulate(slow_exit, plan(*works), cores=4, max_concurrent=2)
    # The third starts only when the first has exited (1.1 s), and exits a second after its work.
    assert found.makespan_s >= 1.1 + 0.1 + 1.0


def test_the_forkserver_starts_once_a_run() -> None:
    served = replace(FREE, server_start_s=1.5)
    works = [StepWork(0.0, wait_s=0.2)] * 4
    without = simulate(FREE, plan(*works), cores=2, max_concurrent=1).makespan_s
    assert simulate(served, plan(*works), cores=2, max_concurrent=1).makespan_s == pytest.approx(
        without + 1.5, abs=0.05
    )


def test_breadth_first_finishes_no_chain_before_all_first_stages_have_started() -> None:
    chains = [[StepWork(0.0, wait_s=0.5), StepWork(0.0, wait_s=0.5)] for _ in range(4)]
    breadth = simulate(FREE, RunPlan((), chains, ()), cores=2, max_concurrent=1)
    depth = simulate(FREE, RunPlan((), chains, (), depth_first=True), cores=2, max_concurrent=1)
    assert breadth.first_result_s > 4 * 0.5
    assert depth.first_result_s == pytest.approx(1.0, abs=0.2)
    assert breadth.makespan_s == pytest.approx(depth.makespan_s, rel=0.02)


def test_fan_out_and_collect_run_alone_before_and_after() -> None:
    before, after = StepWork(0.0, wait_s=1.0, outputs=2), StepWork(0.0, wait_s=1.0, inputs=2)
    run = RunPlan((before,), [[StepWork(0.0, wait_s=1.0)]] * 2, (after,))
    assert simulate(FREE, run, cores=2, max_concurrent=8).makespan_s == pytest.approx(3.0, abs=0.3)


def test_long_items_cost_no_more_to_simulate_than_short_ones() -> None:
    found = simulate(SPAWN, plan(*[StepWork(0.0, wait_s=3600.0)] * 8), cores=2, max_concurrent=4)
    assert found.makespan_s == pytest.approx(2 * 3600.0, rel=0.01)


work_strategy = st.builds(
    StepWork,
    cpu_s=st.floats(0.0, 2.0),
    wait_s=st.floats(0.0, 2.0),
    threads=st.just(1.0),
)


@settings(max_examples=60, deadline=None)
@given(
    works=st.lists(work_strategy, min_size=1, max_size=12),
    slots=st.integers(1, 8),
    cores=st.sampled_from([1.0, 1.5, 2.0, 4.0]),
)
def test_the_makespan_lies_between_its_floors_and_everything_in_turn(
    works: list[StepWork], slots: int, cores: float
) -> None:
    found = simulate(SPAWN, plan(*works), cores=cores, max_concurrent=slots)
    longest = max(work.cpu_s + work.wait_s for work in works)
    cpu = sum(work.cpu_s for work in works)
    everything = sum(work.cpu_s + work.wait_s for work in works)
    step = 1.2 + 0.08 + 0.02 + 0.02 + 0.7 + 0.01 + 13 * 0.0004 + 0.02 * 14
    assert found.makespan_s >= max(longest, cpu / cores)
    # The polls and the parent's own work come on top of one step after another.
    assert found.makespan_s <= 0.25 + everything + len(works) * step + 0.05 * everything


@settings(max_examples=40, deadline=None)
@given(work=work_strategy, items=st.integers(1, 10), slots=st.integers(1, 4))
def test_more_equal_items_are_never_faster(work: StepWork, items: int, slots: int) -> None:
    fewer = simulate(SPAWN, plan(*[work] * items), cores=2, max_concurrent=slots)
    more = simulate(SPAWN, plan(*[work] * (items + slots)), cores=2, max_concurrent=slots)
    assert more.makespan_s > fewer.makespan_s


def pooled(steps: int, limit: int, wait_s: float = 0.4) -> RunPlan:
    chains = [[StepWork(0.0, wait_s=wait_s)] for _ in range(steps)]
    return RunPlan((), chains, (), stage_pools=("db",), pool_limits={"db": limit})


def test_as_many_steps_at_once_as_a_pool_has_slots_never_wait_for_one() -> None:
    found = simulate(FREE, pooled(8, 2), cores=2, max_concurrent=2)
    assert found.pool_wait_s == 0.0
    assert found.makespan_s == pytest.approx(4 * 0.4, abs=0.3)


def test_a_blocked_step_asks_again_a_second_later_however_early_its_slot_is_free() -> None:
    """The slot is free after 0.4 s; whoever waits for it asks at 1 s, then 1.1 s after that."""
    found = simulate(FREE, pooled(2, 1), cores=2, max_concurrent=2)
    assert found.makespan_s == pytest.approx(1.0 + 0.4, abs=0.1)
    found = simulate(FREE, pooled(2, 1, wait_s=1.3), cores=2, max_concurrent=2)
    assert found.makespan_s == pytest.approx(2.1 + 1.3, abs=0.1)


def test_a_pool_with_fewer_slots_than_steps_at_once_is_slower_than_fewer_steps_at_once() -> None:
    many = simulate(FREE, pooled(20, 2), cores=2, max_concurrent=8)
    few = simulate(FREE, pooled(20, 2), cores=2, max_concurrent=2)
    assert many.pool_wait_s > 5.0
    assert many.makespan_s > few.makespan_s + 3.0
    unlimited = replace(pooled(20, 2), pool_limits={})
    off = simulate(FREE, unlimited, cores=2, max_concurrent=8)
    assert off.makespan_s < few.makespan_s


def test_only_the_pooled_stage_of_a_chain_waits() -> None:
    chains = [[StepWork(0.0, wait_s=0.5), StepWork(0.0, wait_s=0.1)] for _ in range(4)]
    limits = {"db": 1}
    second = RunPlan((), chains, (), stage_pools=(None, "db"), pool_limits=limits)
    both = RunPlan((), chains, (), stage_pools=("db", "db"), pool_limits=limits)
    narrow = simulate(FREE, second, cores=4, max_concurrent=4).makespan_s
    assert narrow < simulate(FREE, both, cores=4, max_concurrent=4).makespan_s - 1.0
