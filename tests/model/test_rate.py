"""``--max-rate``: no way gets more done than the service allows, and none runs more for nothing."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from factories import make_host_profile, make_saved_profile
from test_search import OVERHEAD, profile, setting_for

from advisor.api.recommend import predict, recommend
from advisor.domain.candidate import Candidate
from advisor.domain.options import AdviseOptions
from advisor.domain.trial import RateLimit, WorkerLimit
from advisor.explanation.next_measurement import next_measurement
from advisor.explanation.reasons import reasons
from advisor.model.candidates import WorkerChoice, all_candidates
from advisor.model.limits import Limits
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints, SearchResult, search
from advisor.model.setting import Setting

ITEMS, ITEM_S, RATE = 200, 0.5, 20.0
THREADS = Candidate("execute_job", "in_process", batch_size=ITEMS, worker_kind="thread")
SERVICE = setting_for(profile(ITEM_S, 0.001, ITEMS))
LIMITED = replace(SERVICE, rate=RateLimit(RATE))


def advise(rate: float | None, service: Setting = SERVICE) -> SearchResult:
    setting = replace(service, rate=rate and RateLimit(rate))
    candidates = all_candidates(
        ITEMS,
        overhead=OVERHEAD,
        preload=("warm",),
        workers=WorkerChoice(setting.contention, 2.0),
    )
    return search(candidates, Predictor(setting), Constraints(), current=None, default=None)


def test_no_way_is_predicted_faster_than_the_rate_lets_it_be() -> None:
    assert advise(None).recommendation.makespan_s.median < ITEMS / RATE
    limited = advise(RATE).candidates
    assert all(way.makespan_s.median >= ITEMS / RATE for way in limited)
    assert any(way.rate_wait_s > 0 for way in limited)
    for way in limited:
        assert sum(astuple(way.breakdown_s)) == pytest.approx(way.makespan_s.median)


def test_a_rate_that_no_way_reaches_changes_nothing() -> None:
    assert advise(10_000.0).recommendation == advise(None).recommendation


@pytest.mark.parametrize("rate", [1.0, 4.0, 20.0])
def test_no_way_leads_that_runs_more_than_the_rate_feeds(rate: float) -> None:
    found = advise(rate)
    in_step = {w.candidate.workers_in_op for w in found.candidates if w.p_best > 0}
    assert max(in_step) <= rate * ITEM_S + 1
    chosen = found.recommendation.candidate
    assert chosen.max_concurrent * chosen.workers_in_op <= rate * ITEM_S + 1
    assert advise(None).recommendation.candidate.workers_in_op == 64


def test_a_rate_below_one_item_after_another_leaves_the_simplest_way() -> None:
    chosen = advise(1.0).recommendation.candidate
    assert (chosen.executor, chosen.is_batched, chosen.max_concurrent) == ("in_process", False, 1)


def test_the_reasons_name_the_rate_where_it_limits() -> None:
    sentence = "limited by --max-rate: 20 items per second; more in parallel brings nothing"

    def said(workers: int) -> tuple[str, ...]:
        way = replace(THREADS, workers_in_op=workers)
        return reasons(Predictor(LIMITED).predict(way), LIMITED, make_host_profile())

    assert sentence in said(64)
    assert sentence not in said(2)


def test_real_runs_do_not_correct_the_rate_away() -> None:
    way = replace(THREADS, workers_in_op=64)
    faster = replace(LIMITED, correction={way.kind: 0.5})
    assert Predictor(faster).predict(way).makespan_s.median >= ITEMS / RATE


def test_the_advice_holds_the_rate_for_what_comes_after_it() -> None:
    saved = make_saved_profile()
    advice = recommend(saved, AdviseOptions(items=100, max_rate=2.0))
    assert advice.max_rate == 2.0
    assert advice.recommendation.makespan_s.median >= 50
    one = predict(saved, advice.recommendation.candidate, AdviseOptions(items=100, max_rate=2.0))
    assert one.makespan_s.median >= 50


def test_the_command_of_a_further_measurement_keeps_the_rate() -> None:
    few = Limits(WorkerLimit("thread", True, 4, 64), WorkerLimit("process", True, 4, 4))
    result = advise(RATE, replace(SERVICE, limits=few))
    probe = next_measurement(result, make_saved_profile(), RateLimit(RATE))
    assert probe is not None
    assert probe.command.endswith(" --budget 120 --max-rate 20")
