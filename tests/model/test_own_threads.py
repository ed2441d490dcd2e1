"""Items that compute on several cores: one thread each, or as they are, whichever is faster."""

from __future__ import annotations

from dataclasses import replace

from test_remedies import describe
from test_search import OVERHEAD, profile

from advisor.domain.workload import ConcurrencyProbe, WorkloadProfile
from advisor.explanation.remedies import remedies
from advisor.model.candidates import WorkerChoice, all_candidates
from advisor.model.contention import fit_contention
from advisor.model.items import items_of
from advisor.model.limits import limits_of
from advisor.model.own_threads import limited_profile, with_one_thread
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints, SearchResult, search
from advisor.model.setting import Machine, Setting


def threaded(limited_s: float, *, fights: float = 1.0) -> WorkloadProfile:
    """Items of 2 s on two cores that take ``limited_s`` with one thread; ``fights`` slows pairs."""
    found = profile(2.0, 3.9, 8, probes=(ConcurrencyProbe("process", 2, 2.0 * fights),))
    calls = tuple(
        replace(call, wall_s=limited_s, cpu_s=limited_s) for call in found.ops[0].later_calls
    )
    probes = (ConcurrencyProbe("process", 2, 1.0), ConcurrencyProbe("thread", 2, 2.0))
    return replace(found, ops=(replace(found.ops[0], limited_calls=calls),), limited_probes=probes)


def setting_of(workload: WorkloadProfile) -> Setting:
    items = items_of(workload)
    contention = fit_contention(
        workload.probes,
        alone_s=float(items.wall_s.mean()),
        cpu_s=float(items.cpu_s.mean()),
        cores=2.0,
    )
    limited = limited_profile(workload)
    return Setting(
        items,
        contention,
        OVERHEAD,
        Machine(2.0, 24 << 30),
        limited=setting_of(limited) if limited else None,
        limits=limits_of(workload.probes),
    )


def advise(setting: Setting) -> SearchResult:
    candidates = all_candidates(
        setting.items.count,
        overhead=OVERHEAD,
        preload=("m",),
        workers=WorkerChoice(setting.contention, 2.0),
    )
    candidates += with_one_thread(candidates)
    constraints = Constraints(change="config")
    return search(candidates, Predictor(setting), constraints, current=None, default=None)


def test_one_thread_each_is_advised_where_items_at_once_fight_for_the_cores() -> None:
    setting = setting_of(threaded(2.4, fights=1.8))
    found = advise(setting).recommendation
    assert found.candidate.op_threads == 1
    assert found.candidate.max_concurrent > 1
    (said,) = remedies(describe("work"), found, Predictor(setting))
    assert "set OMP_NUM_THREADS=1" in said
    assert "2.0 s; with one thread it takes 2.4 s (both measured)" in said


def test_threads_are_left_alone_where_limiting_them_costs_more_than_it_gains() -> None:
    found = advise(setting_of(threaded(6.0))).recommendation
    assert found.candidate.op_threads is None


def test_what_a_first_call_costs_more_is_the_same_with_one_thread() -> None:
    workload = threaded(3.0)
    first = tuple(replace(c, wall_s=c.wall_s + 0.7) for c in workload.ops[0].first_calls)
    workload = replace(workload, ops=(replace(workload.ops[0], first_calls=first),))
    limited = limited_profile(workload)
    assert limited is not None
    assert abs(items_of(limited).first_extra_s - items_of(workload).first_extra_s) < 0.3
    assert limited_profile(limited) is None
