"""Tag limits: counted as Dagster counts, predicted, and not gone round by workers in a step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dagster._utils.tags import TagConcurrencyLimitsCounter
from test_pools import WARM_2, WARM_8, advise, setting

from advisor.domain.candidate import Candidate
from advisor.domain.tag_limits import tag_limits
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints
from advisor.model.setting import steps_at_once

PER_VALUE = {"applyLimitPerUniqueValue": True}
ANY_VALUE = {"applyLimitPerUniqueValue": False}
CASES = {
    "key": [{"key": "db", "limit": 2}],
    "key and value": [{"key": "db", "value": "main", "limit": 2}],
    "another value": [{"key": "db", "value": "other", "limit": 2}],
    "each value": [{"key": "db", "value": PER_VALUE, "limit": 3}],
    "all values": [{"key": "db", "value": ANY_VALUE, "limit": 1}],
    "another key": [{"key": "api", "limit": 1}],
    "the tighter of two": [{"key": "db", "limit": 4}, {"key": "team", "limit": 2}],
    "the last of two": [{"key": "db", "limit": 2}, {"key": "db", "limit": 5}],
    "none": [],
}
TAGS = {"db": "main", "team": "sales"}


class Step:
    tags = TAGS


@pytest.mark.parametrize("limits", CASES.values(), ids=CASES)
def test_as_many_steps_run_at_once_as_dagster_lets(limits) -> None:
    counter, running = TagConcurrencyLimitsCounter(limits, []), 0
    while running < 8 and not counter.is_blocked(Step()):
        counter.update_counters_with_launched_item(Step())
        running += 1

    limited = replace(setting(None, pooled=(False,)), tag_limits=tag_limits(limits, [TAGS]))

    assert steps_at_once(WARM_8, limited) == running


def limited(limit: int, tags=({"db": "main"},), stages: int = 1):
    free = setting(None, stages=stages, pooled=(False,) * stages)
    return replace(free, tag_limits=tag_limits([{"key": "db", "limit": limit}], tags))


def test_slots_beyond_the_limit_are_predicted_to_gain_nothing() -> None:
    two, eight = Predictor(limited(2)).estimate(WARM_2), Predictor(limited(2)).estimate(WARM_8)

    assert eight.makespan_s == pytest.approx(two.makespan_s, rel=0.02)
    assert eight.makespan_s > 1.5 * Predictor(limited(8)).estimate(WARM_8).makespan_s


def test_an_op_of_a_chain_without_the_tag_runs_as_wide_as_before() -> None:
    chain = Predictor(limited(1, ({}, {"db": "main"}), stages=2)).estimate(WARM_8).makespan_s
    both = (
        Predictor(limited(1, ({"db": "main"}, {"db": "main"}), stages=2))
        .estimate(WARM_8)
        .makespan_s
    )
    neither = Predictor(limited(1, ({}, {}), stages=2)).estimate(WARM_8).makespan_s

    assert neither < chain < both
    assert chain < 0.75 * both


def test_no_more_slots_are_advised_than_the_limit_lets_run() -> None:
    chosen = advise(limited(3), Constraints(change="config")).recommendation.candidate

    assert chosen.max_concurrent == 3


def test_workers_inside_a_step_do_not_go_round_a_tag_limit() -> None:
    found = advise(limited(3))
    chosen = found.recommendation.candidate

    assert chosen.workers_in_op * chosen.max_concurrent <= 3
    assert any("tagged db, limited to 3" in rejected.reason for rejected in found.rejected)
    assert all(p.candidate.workers_in_op <= 3 for p in found.candidates)


def test_one_step_after_another_is_as_it_was() -> None:
    serial = Candidate("execute_job", "in_process")

    assert (
        Predictor(limited(1)).estimate(serial).makespan_s
        == Predictor(limited(9)).estimate(serial).makespan_s
    )
