"""Predictions from a sample hold what the simulator says of all items, and so does the choice."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_calibration import EIGHT_STEPS, POPULATIONS, Trials, cells, sampled, truth_s
from simulated_choice import judged, leading, searched

from advisor.model.estimators import model_of
from advisor.model.listing import drawn_lists
from advisor.model.prediction import Predictor
from advisor.model.simulations import Simulations

TRIALS = {
    20: Trials(15, 1, 10),
    200: Trials(12, 2, 1),
    2000: Trials(4, 4, 1),
    10_000: Trials(2, 4, 1),
}
"""As many as take seconds in all; `make bench-simulated` takes more."""


@pytest.mark.parametrize("items", TRIALS)
@pytest.mark.parametrize("population", POPULATIONS)
def test_the_truth_of_a_population_is_predicted(population, items) -> None:
    for cell in cells(population, items, TRIALS[items]):
        # Standard errors: of the bias over lists, of the coverage as a binomial's of all samples.
        chance = (0.9 * 0.1 / cell.trials) ** 0.5
        assert abs(cell.bias) < 0.03 + cell.error, cell
        assert 0.85 - chance < cell.coverage < 0.95 + chance, cell


@pytest.mark.parametrize(
    ("population", "worked"),
    [*((name, 128) for name in POPULATIONS), ("lognormal", 1024), ("per-call noise", 1024)],
)
def test_ten_thousand_items_get_a_way_within_three_percent_of_the_least(population, worked) -> None:
    rng = np.random.default_rng([worked, sorted(POPULATIONS).index(population)])
    means_s = POPULATIONS[population](rng, 10_000)
    found = leading(searched(sampled(population, means_s, rng), worked), 5)
    ways = {way.candidate.label: way.candidate for way in found}
    true_s = list(truth_s(population, means_s, rng, ways).values())
    assert true_s[0] < 1.03 * min(true_s)


def test_a_way_is_the_best_as_often_as_predicted_and_loses_as_much() -> None:
    every = [each for name in POPULATIONS for each in judged(name, 20, 4)]
    chances = np.array(
        [pair for each in every for pair in zip(each.p_best, each.was_best, strict=True)]
    )
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 1.0)):
        said, was = chances[(chances[:, 0] >= low) & (chances[:, 0] <= high)].T
        assert abs(said.mean() - was.mean()) < 2 * was.std() / len(was) ** 0.5 + 0.01
    said, was = np.array([each.regret for each in every]).T
    assert abs(said.mean() - was.mean()) < 2 * was.std() / len(was) ** 0.5


@pytest.mark.parametrize("population", POPULATIONS)
def test_what_runs_already_is_kept_where_nothing_is_better_by_more_than_noise(population) -> None:
    rng = np.random.default_rng(3)
    means_s = 100.0 * POPULATIONS[population](rng, 200)
    found = searched(sampled(population, means_s, rng), 8, current=EIGHT_STEPS)
    assert found.recommendation.candidate == EIGHT_STEPS
    assert found.tie


def test_no_one_order_of_few_items_that_differ_stands_for_all() -> None:
    rng = np.random.default_rng(5)
    off = []
    for _ in range(10):
        setting = sampled("per-call noise", np.ones(20), rng)
        lists = [Simulations(setting, drawn) for drawn in drawn_lists(setting.items, 24)]
        found_s = [model_of(EIGHT_STEPS).estimate(EIGHT_STEPS, each).makespan_s for each in lists]
        estimate = Predictor(setting).estimate(EIGHT_STEPS)
        off.append(float(estimate.draws_s.mean() / np.mean(found_s)) - 1.0)
    assert abs(np.mean(off)) < 0.02
