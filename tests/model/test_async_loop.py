"""Steps that share one event loop: what they await overlaps, what holds the loop adds up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_search import OVERHEAD, TRIED, profile

from advisor.domain.candidate import Candidate
from advisor.domain.workload import WorkloadProfile
from advisor.model.candidates import WorkerChoice, all_candidates
from advisor.model.contention import fit_contention
from advisor.model.event_loop import LoopWork, simulate_loop
from advisor.model.items import items_of
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints, search
from advisor.model.setting import Machine, Setting

IN_PROCESS = Candidate("execute_job", "in_process")


def setting_for(workload: WorkloadProfile) -> Setting:
    items = items_of(workload)
    contention = fit_contention(
        workload.probes,
        alone_s=float(items.wall_s.mean()),
        cpu_s=float(items.cpu_s.mean()),
        cores=2.0,
    )
    machine = Machine(2.0, 24 << 30, 100 << 20)
    return Setting(items, contention, OVERHEAD, machine, limits=TRIED)


def took(workload: WorkloadProfile, at_once: int) -> float:
    way = Candidate("execute_job", "async", max_concurrent=at_once)
    return Predictor(setting_for(workload)).estimate(way).makespan_s


def holding(workload: WorkloadProfile, loop_s: float) -> WorkloadProfile:
    op = workload.ops[0]
    calls = tuple(replace(call, loop_s=loop_s) for call in op.later_calls)
    return replace(
        workload, ops=(replace(op, first_calls=(), preloaded_first_calls=(), later_calls=calls),)
    )


works = st.builds(LoopWork, *[st.floats(0.001, 1.0)] * 3)
chains = st.integers(1, 2).flatmap(
    lambda stages: st.lists(st.lists(works, min_size=stages, max_size=stages), min_size=1)
)


@given(chains=chains, at_once=st.integers(1, 20))
def test_no_run_beats_what_holds_the_loop_or_is_slower_than_one_after_another(chains, at_once):
    found = simulate_loop(chains, max_concurrent=at_once)

    held = sum(work.before_s + work.after_s for chain in chains for work in chain)
    longest = max(sum(w.before_s + w.wait_s + w.after_s for w in chain) for chain in chains)
    serial = sum(w.before_s + w.wait_s + w.after_s for chain in chains for w in chain)
    assert max(held, longest) - 1e-9 <= max(found) <= serial + 1e-9
    assert 0 < min(found) <= max(found)


@given(chains=chains)
def test_one_step_at_a_time_takes_as_long_as_all_steps(chains):
    serial = sum(w.before_s + w.wait_s + w.after_s for chain in chains for w in chain)
    assert max(simulate_loop(chains, max_concurrent=1)) == pytest.approx(serial)


def test_waits_that_start_together_end_together():
    chains = [[LoopWork(0.0, 0.5, 0.0)]] * 8
    assert max(simulate_loop(chains, max_concurrent=8)) == pytest.approx(0.5)
    assert max(simulate_loop(chains, max_concurrent=4)) == pytest.approx(1.0)


def test_a_remote_that_serves_one_at_a_time_takes_the_gain_away():
    chains = [[LoopWork(0.001, 0.5, 0.001)]] * 8
    found = simulate_loop(chains, max_concurrent=8, slows_waiting=float)
    assert max(found) > 3.9


def test_more_at_once_shortens_waiting_items_to_little_more_than_one_wait():
    waiting = profile(0.5, 0.001, 16)
    alone = Predictor(setting_for(waiting)).estimate(IN_PROCESS).makespan_s
    assert alone > 8.0
    assert took(waiting, 1) == pytest.approx(alone, rel=0.02)
    assert took(waiting, 16) < 2.2
    assert took(waiting, 16) < took(waiting, 4) < took(waiting, 1)


def test_items_that_compute_gain_nothing_from_a_loop():
    computing = profile(0.5, 0.5, 16)
    alone = Predictor(setting_for(computing)).estimate(IN_PROCESS).makespan_s
    assert took(computing, 16) == pytest.approx(alone, rel=0.02)


def test_an_op_that_blocks_its_loop_gains_nothing_though_it_hardly_computes():
    blocking = holding(profile(0.5, 0.001, 16), 0.5)
    awaiting = holding(profile(0.5, 0.001, 16), 0.002)
    assert took(blocking, 16) > 8.0
    assert took(awaiting, 16) < 2.2


def test_a_long_run_is_predicted_from_its_first_waves():
    exact = took(replace(profile(0.2, 0.01, 16), items=700), 100)
    longer = took(replace(profile(0.2, 0.01, 16), items=1400), 100)
    assert longer == pytest.approx(2 * exact, rel=0.1)


def test_the_loop_is_predicted_beside_the_other_ways_and_needs_code():
    waiting = profile(0.5, 0.001, 16)
    setting = setting_for(waiting)
    candidates = all_candidates(
        16,
        overhead=OVERHEAD,
        preload=("warm",),
        workers=WorkerChoice(setting.contention, 2.0),
        asynchronous=True,
    )
    found = search(candidates, Predictor(setting), Constraints(), current=None, default=None)

    on_loop = [p for p in found.candidates if p.candidate.executor == "async"]
    assert max(p.candidate.max_concurrent for p in on_loop) == 16
    assert all(p.candidate.needs_code for p in on_loop)
    assert found.config_only.candidate.executor != "async"
    assert min(p.makespan_s.median for p in on_loop) < found.config_only.makespan_s.median
    plain = [c for c in candidates if not c.is_batched]
    advised = search(plain, Predictor(setting), Constraints(), current=None, default=None)
    assert advised.recommendation.candidate.executor == "async"
