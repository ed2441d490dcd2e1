"""What was measured of the host longer ago is known less surely."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import WARM_8, make_host_profile, make_saved_profile

from advisor.domain.options import AdviseOptions
from advisor.model.fit import fit_overhead
from advisor.model.measured_setting import setting_of
from advisor.model.prediction import Predictor

SEEN_S = 1_000_000.0
DAY_S = 86_400.0


def width_of(days: float) -> float:
    """High over low of a way with processes, its method last run so long ago."""
    made = make_host_profile()
    runs = tuple(replace(run, started_at_s=SEEN_S) for run in made.runs)
    overhead = fit_overhead(replace(made, runs=runs), SEEN_S + days * DAY_S)
    measured = replace(make_saved_profile(), overhead=overhead, verifications=())
    seconds = Predictor(setting_of(measured, AdviseOptions())).predict(WARM_8).makespan_s
    return seconds.high / seconds.low


def test_an_older_run_of_a_method_makes_the_intervals_of_its_ways_wider():
    assert width_of(0.0) < width_of(1.0) < width_of(7.0) < 1.5 * width_of(0.0)


def test_the_newest_run_of_a_method_counts():
    made = make_host_profile()
    run = replace(made.runs[0], started_at_s=SEEN_S)
    newer = replace(run, started_at_s=SEEN_S + DAY_S)
    host = replace(made, runs=(run, newer, *made.runs[1:]))
    age_days = fit_overhead(host, SEEN_S + 3 * DAY_S).age_days
    assert age_days["warm_forkserver"] == pytest.approx(2.0)
