"""Hooks of an op: called in each step, so that a batch pays for them once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_order import WARM, chain, setting_for

from advisor.domain.candidate import Candidate
from advisor.model.prediction import Predictor

ITEMS, HOOK_S = 20, 0.5
IN_PROCESS = Candidate("execute_job", "in_process")


def predicted_s(candidate: Candidate, hook_s: float) -> float:
    workload = chain(0.1, 0.0, ITEMS)
    first, second = workload.ops
    calls = tuple(replace(call, hook_s=hook_s) for call in first.later_calls)
    workload = replace(workload, ops=(replace(first, later_calls=calls), second))
    return Predictor(setting_for(workload)).predict(candidate).makespan_s.median


@pytest.mark.parametrize(
    ("candidate", "calls_in_turn"),
    [
        (IN_PROCESS, ITEMS),
        (replace(IN_PROCESS, batch_size=ITEMS), 1),
        (replace(WARM, max_concurrent=2), ITEMS / 2),
        (replace(WARM, max_concurrent=2, batch_size=5), 2),
    ],
)
def test_hooks_cost_their_seconds_in_every_step(candidate, calls_in_turn) -> None:
    added_s = predicted_s(candidate, HOOK_S) - predicted_s(candidate, 0.0)
    assert added_s == pytest.approx(calls_in_turn * HOOK_S, rel=0.15)
