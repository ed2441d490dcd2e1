"""Depth first beside breadth first: predicted, and advised where the order matters."""

from __future__ import annotations

from dataclasses import replace

from test_search import OVERHEAD, TRIED, profile

from advisor.domain.candidate import Candidate
from advisor.domain.trial import NO_THREADS
from advisor.domain.workload import WorkloadProfile
from advisor.model.candidates import WorkerChoice, all_candidates
from advisor.model.contention import Contention
from advisor.model.items import items_of
from advisor.model.order import in_both_orders
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints, SearchResult, search
from advisor.model.setting import Machine, Setting

WARM = Candidate("execute_job", "multiprocess", "forkserver", ("warm",), 2)


def chain(wall_s: float, cpu_s: float, items: int, *, between_bytes: int = 100) -> WorkloadProfile:
    workload = profile(wall_s, cpu_s, items)
    op = workload.ops[0]
    calls = tuple(replace(call, output_bytes=between_bytes) for call in op.later_calls)
    first = replace(op, later_calls=calls, first_calls=(), preloaded_first_calls=())
    return replace(workload, ops=(first, replace(op, handle="then")))


def setting_for(workload: WorkloadProfile, memory_bytes: int = 24 << 30) -> Setting:
    items = items_of(workload)
    contention = Contention(float(items.wall_s.mean()))
    limits = replace(TRIED, thread=NO_THREADS)
    machine = Machine(2.0, memory_bytes, 100 << 20)
    return Setting(items, contention, OVERHEAD, machine, limits=limits)


def advise(
    setting: Setting, constraints: Constraints, *, batches: bool = True
) -> tuple[SearchResult, SearchResult]:
    candidates = all_candidates(
        setting.items.count,
        overhead=OVERHEAD,
        preload=("warm",),
        workers=WorkerChoice(setting.contention, 2.0),
    )
    plain = [c for c in candidates if c.executor == "multiprocess" and not c.is_batched]
    found = search(
        candidates if batches else plain,
        Predictor(setting),
        constraints,
        current=WARM,
        default=None,
    )
    code = constraints.change == "code"
    return found, in_both_orders(found, Predictor(setting), change_code=code)


def test_depth_first_brings_the_first_result_early_and_the_last_at_the_same_time():
    setting = setting_for(chain(0.5, 0.2, 40))
    depth = replace(WARM, depth_first=True)

    assert Predictor(setting).first_result_s(depth) < Predictor(setting).first_result_s(WARM) / 5
    late, early = (Predictor(setting).estimate(way).makespan_s for way in (WARM, depth))
    assert abs(early / late - 1) < 0.05


def test_tags_in_the_users_code_leave_nothing_to_gain():
    setting = replace(setting_for(chain(0.5, 0.2, 40)), depth_first=True)
    depth = replace(WARM, depth_first=True)
    assert Predictor(setting).first_result_s(depth) == Predictor(setting).first_result_s(WARM)


def test_both_orders_are_listed_and_the_odds_stay_as_they_were():
    before, after = advise(setting_for(chain(0.5, 0.2, 40)), Constraints())

    twins = [p for p in after.candidates if p.candidate.depth_first]
    assert twins
    by_candidate = {p.candidate: p for p in after.candidates}
    for twin in twins:
        plain = by_candidate[replace(twin.candidate, depth_first=False)]
        assert twin.first_result_s < plain.first_result_s
        assert (twin.p_best, twin.expected_regret) == (plain.p_best, plain.expected_regret)
        assert twin.intermediate_bytes < plain.intermediate_bytes
    assert {p.candidate for p in before.candidates} <= set(by_candidate)
    assert after.recommendation.candidate == before.recommendation.candidate


def test_a_first_result_that_comes_minutes_late_is_worth_the_tags():
    quick = setting_for(chain(0.5, 0.2, 40))
    slow = setting_for(chain(5.0, 2.0, 100))

    for setting, expected in ((quick, False), (slow, True)):
        _, found = advise(setting, Constraints(), batches=False)
        assert found.recommendation.candidate.depth_first is expected
        assert not found.config_only.candidate.depth_first
        assert not found.current.candidate.depth_first


def test_results_between_the_ops_that_fill_the_memory_are_worth_the_tags():
    crowded = setting_for(chain(0.5, 0.2, 80, between_bytes=64 << 20), memory_bytes=8 << 30)
    _, found = advise(crowded, Constraints(), batches=False)
    assert found.recommendation.candidate.depth_first
    assert found.recommendation.intermediate_bytes < 8 * (64 << 20) * 5


def test_without_a_change_of_code_the_order_stays():
    _, found = advise(
        setting_for(chain(5.0, 2.0, 100)), Constraints(change="config"), batches=False
    )
    assert not found.recommendation.candidate.depth_first
    assert not any(p.allowed for p in found.candidates if p.candidate.depth_first)
