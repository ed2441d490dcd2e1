"""What pools do to the advice: concurrency capped, waits predicted, connections kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_host_profile
from test_remedies import describe
from test_search import OVERHEAD, TRIED, profile

from advisor.domain.candidate import Candidate
from advisor.domain.host import CLAIM_S
from advisor.domain.quantities import seconds
from advisor.explanation.reasons import reasons
from advisor.explanation.remedies import remedies
from advisor.model.candidates import WorkerChoice, all_candidates
from advisor.model.contention import Contention
from advisor.model.fit import fit_overhead
from advisor.model.items import items_of
from advisor.model.measured_setting import connection_pool
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints, SearchResult, search
from advisor.model.setting import Machine, Setting, items_cap

WARM_2 = Candidate("execute_job", "multiprocess", "forkserver", ("m",), 2)
WARM_8 = replace(WARM_2, max_concurrent=8)


def setting(limit: int | None, *, stages: int = 1, pooled: tuple[bool, ...] = (True,)) -> Setting:
    workload = profile(1.0, 0.001, 12)
    ops = tuple(replace(workload.ops[0], handle=f"op{place}") for place in range(stages))
    items = items_of(replace(workload, ops=ops))
    return Setting(
        items,
        Contention(0.5),
        OVERHEAD,
        Machine(2.0, 24 << 30, 100 << 20),
        stage_pools=tuple("db" if one else None for one in pooled),
        pool_limits={} if limit is None else {"db": limit},
        holding_stages=pooled,
        limits=TRIED,
    )


def advise(found: Setting, constraints: Constraints | None = None) -> SearchResult:
    constraints = constraints or Constraints()
    candidates = all_candidates(
        found.items.count,
        overhead=OVERHEAD,
        preload=("m",),
        workers=WorkerChoice(
            found.contention, 2.0, cap=items_cap(found, constraints.max_connections, 1)
        ),
    )
    return search(candidates, Predictor(found), constraints, current=None, default=None)


def test_the_config_has_as_many_steps_at_once_as_the_pool_has_slots() -> None:
    for limit in (2, 3):
        chosen = advise(setting(limit), Constraints(change="config")).recommendation
        assert chosen.candidate.max_concurrent == limit
        assert chosen.pool_wait_s == 0.0


def test_workers_inside_a_step_do_not_outwit_a_pool() -> None:
    found = advise(setting(3))
    chosen = found.recommendation.candidate
    assert chosen.max_concurrent * chosen.workers_in_op <= 3
    assert chosen.workers_in_op == 3
    rejected = [r.reason for r in found.rejected]
    assert any("steps of the pool 'db', which allows 3" in reason for reason in rejected)


def test_more_steps_at_once_than_slots_are_predicted_slower() -> None:
    limited, free = setting(2), setting(None)
    waiting = Predictor(limited).estimate(WARM_8)
    assert waiting.makespan_s > 1.1 * Predictor(limited).estimate(WARM_2).makespan_s
    assert waiting.pool_wait_s > 1.0
    prediction = Predictor(limited).prediction_of(waiting)
    assert any(
        f"stand empty for {seconds(waiting.pool_wait_s)} in all" in said
        for said in reasons(prediction, limited, make_host_profile())
    )
    assert Predictor(free).estimate(WARM_8).makespan_s < Predictor(free).estimate(WARM_2).makespan_s


def test_the_advice_tells_what_the_waits_for_a_pool_would_cost() -> None:
    limited = setting(2)
    (said,) = remedies(describe("op0"), Predictor(limited).predict(WARM_2), Predictor(limited))
    waited = Predictor(limited).estimate(WARM_8).makespan_s
    assert "'db' (2 slots) lets 2 steps run in parallel" in said
    assert f"8 in parallel would take {waited:.0f} s" in said
    (said,) = remedies(describe("op0"), Predictor(limited).predict(WARM_8), Predictor(limited))
    assert "asks again after 1 s" in said


def test_in_a_chain_only_the_op_that_holds_connections_gets_a_pool() -> None:
    assert connection_pool([None, None], {}, [0, 2], 4) == ([None, "db"], {"db": 2})
    assert connection_pool([None, None], {}, [1, 1], 4) == ([None, None], {})
    assert connection_pool(["own"], {"own": 9}, [1], 4) == (["own"], {"own": 4})


def test_a_pool_lets_the_other_ops_of_a_chain_run_wider_than_the_connections_allow() -> None:
    chain = setting(2, stages=2, pooled=(False, True))
    found = advise(chain, Constraints(change="config", max_connections=2, connections_per_item=1))
    wide = [p for p in found.candidates if p.candidate.max_concurrent == 8]
    assert wide
    alone = setting(None, pooled=(False,))
    found = advise(alone, Constraints(change="config", max_connections=2, connections_per_item=1))
    assert all(p.candidate.max_concurrent <= 2 for p in found.candidates)
    assert any("holds 8 connections" in rejected.reason for rejected in found.rejected)


def test_a_slot_costs_the_parent_something_even_where_nobody_waits() -> None:
    with_pool, without = (Predictor(setting(limit)).estimate(WARM_2) for limit in (2, None))
    assert with_pool.makespan_s > without.makespan_s
    assert with_pool.makespan_s == pytest.approx(without.makespan_s, rel=0.2)


def test_in_process_each_pooled_step_claims_its_slot_as_well() -> None:
    serial = Candidate("execute_job", "in_process")
    with_pool, without = (Predictor(setting(limit)).estimate(serial) for limit in (2, None))
    assert 0.2 < with_pool.makespan_s - without.makespan_s < 1.0
    bare = Candidate("execute_in_process", "in_process")
    assert (
        Predictor(setting(2)).estimate(bare).makespan_s
        == Predictor(setting(None)).estimate(bare).makespan_s
    )


def test_the_prediction_takes_what_a_claim_was_measured_to_cost() -> None:
    assert make_host_profile().claim_s == CLAIM_S
    dear = fit_overhead(make_host_profile(claim_s=0.25))
    assert (dear.in_process.claim_s, dear.multiprocess["warm_forkserver"].claim_s) == (0.25, 0.25)
    limited = setting(2)
    costly = replace(limited.overhead, in_process=replace(OVERHEAD.in_process, claim_s=0.25))
    serial = Candidate("execute_job", "in_process")
    more = Predictor(replace(limited, overhead=costly)).estimate(serial).makespan_s
    before = Predictor(limited).estimate(serial).makespan_s
    assert more - before == pytest.approx(12 * 2 * (0.25 - CLAIM_S))
