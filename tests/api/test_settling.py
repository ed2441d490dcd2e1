"""The real runs that `profile` makes of two leading ways, where the budget has room for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_saved_profile

from advisor.api.settling import settled
from advisor.domain.options import AdviseOptions
from advisor.measure.budget import Budget
from advisor.measure.progress import silent


@pytest.mark.parametrize(
    ("budget_s", "first_touch_byte_s", "pauses_s"),
    [(30.0, 0.0, [0.0]), (30.0, 2e-9, []), (60.0, 2e-9, [12.0])],
)
def test_the_pauses_before_real_runs_are_in_the_budget(
    monkeypatch, budget_s, first_touch_byte_s, pauses_s
):
    saved = make_saved_profile()
    items = saved.advice.workload.items
    workload = replace(saved.workload, fan_out_items=items, first_touch_byte_s=first_touch_byte_s)
    paused_s = []

    def run_nothing(_configurations, *, pause_s, **_options):
        paused_s.append(pause_s)
        return ()

    monkeypatch.setattr("advisor.api.runnable.configuration_for", lambda *_, **__: None)
    monkeypatch.setattr("advisor.measure.verification.run_interleaved", run_nothing)
    saved = replace(saved, workload=workload)
    assert settled(saved, AdviseOptions(), {}, Budget(budget_s), silent) == saved
    assert paused_s == pauses_s
