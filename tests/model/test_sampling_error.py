"""Intervals from few measured items hold the truth about as often as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_sample, make_saved_profile
from simulated_calibration import workload

from advisor.domain.candidate import Candidate
from advisor.domain.options import AdviseOptions
from advisor.model.items import items_of
from advisor.model.measured_setting import setting_of
from advisor.model.prediction import Predictor
from advisor.model.sampling_error import mean_factors
from advisor.model.setting import DRAWS, Setting

ITEMS = 100
IN_PROCESS = Candidate("execute_job", "in_process")
EIGHT_STEPS = Candidate("execute_job", "multiprocess", "spawn", max_concurrent=8)


def setting(walls_s) -> Setting:
    """Of a job of 100 items, some of them measured once each."""
    saved = make_saved_profile(verifications=())
    calls = tuple(
        make_sample(item, wall_s=float(wall_s), cpu_s=0.001) for item, wall_s in enumerate(walls_s)
    )
    op = replace(saved.workload.ops[0], first_calls=(), preloaded_first_calls=(), later_calls=calls)
    workload = replace(saved.workload, items=ITEMS, ops=(op,), probes=())
    return setting_of(replace(saved, workload=workload), AdviseOptions())


def bounds(walls_s, candidate=IN_PROCESS) -> tuple[float, float]:
    given = setting(walls_s)
    found = Predictor(given).predict(candidate).makespan_s
    return found.low, found.high


@pytest.mark.parametrize("sigma", [0.5, 1.0])
@pytest.mark.parametrize("measured", [1, 3, 5, 10, 40])
def test_the_interval_covers_the_true_makespan(sigma, measured):
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(100):
        walls_s = 2.0 * np.exp(rng.normal(0.0, sigma, ITEMS))
        low, high = bounds(rng.choice(walls_s, measured, replace=False))
        covered += low <= Predictor(setting(walls_s)).estimate(IN_PROCESS).makespan_s <= high
    assert covered >= 80 - 4  # of 100; 4 is the standard error of that count


def test_it_covers_that_of_parallel_steps_too():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(25):
        walls_s = 5.0 * np.exp(rng.normal(0.0, 1.0, ITEMS))
        low, high = bounds(rng.choice(walls_s, 3, replace=False), EIGHT_STEPS)
        covered += low <= Predictor(setting(walls_s)).estimate(EIGHT_STEPS).makespan_s <= high
    assert covered >= 20 - 2  # of 25; 2 is the standard error of that count


def test_few_items_give_wide_intervals_and_like_ones_soon_narrow_ones():
    widths = {}
    for measured in (1, 3, 10, ITEMS):
        low, high = bounds([2.0] * measured)
        widths[measured] = high / low
    assert widths[1] > 5 > 2 > widths[3] > widths[10] > widths[ITEMS]


def test_few_long_items_among_short_ones_may_be_more_and_a_tail_of_short_ones_tells_little():
    two_of_forty = [(item, 4.0 if item in (700, 1500) else 0.5) for item in range(0, 2000, 50)]
    assert np.quantile(mean_factors(items_of(workload(2000, two_of_forty)), DRAWS), 0.95) > 1.5
    seconds = np.random.default_rng(1).exponential(1.0, 120)
    remote = items_of(workload(2000, [(16 * k, float(s)) for k, s in enumerate(seconds)]))
    assert np.quantile(mean_factors(remote, DRAWS), 0.95) < 1.22
