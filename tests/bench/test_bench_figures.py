"""The benchmark's statistics, on runs whose figures are known."""

from __future__ import annotations

import math
import random

import pytest
from figures import (
    Predicted,
    Run,
    a_pass_later,
    by_change_of_speed,
    by_the_others,
    choice,
    errors,
    errors_by,
    least_errors,
    least_errors_at_known_speed,
    quantile,
    rule_of_thumb,
    spread,
)
from random_recipes import JOBS, LEADING, recipe
from reliability import class_of, memory_rows, reliability


def run(configuration: str, wall_s: float, workload: str = "w", method: str = "m") -> Run:
    return Run(workload, configuration, method, wall_s)


def test_errors_are_relative_to_the_real_run_and_need_a_prediction():
    runs = [run("a", 10.0), run("a", 8.0), run("b", 4.0), run("unpredicted", 1.0)]
    predicted = {("w", "a", 0): Predicted(9.0, 8.5, 10.5), ("w", "b", 0): Predicted(3.0, 2.0, 3.5)}
    found = errors(runs, predicted)
    assert found.runs == 3
    assert found.median == pytest.approx(0.125)
    assert found.largest == pytest.approx(0.25)
    assert found.bias == pytest.approx(-0.1)
    assert found.covered == pytest.approx(1 / 3)
    assert errors([run("unpredicted", 1.0)], predicted) is None


def test_groups_without_a_prediction_are_left_out():
    runs = [run("a", 10.0, method="x"), run("b", 10.0, method="y")]
    found = errors_by(runs, {("w", "a", 0): Predicted(10, 9, 11)}, lambda r: r.method)
    assert list(found) == ["x"]


def test_spread_is_between_runs_of_the_same_configuration():
    assert spread([run("a", 9.0), run("a", 11.0), run("b", 100.0)])[0] == pytest.approx(0.2)


def test_the_machines_own_error_is_that_of_predicting_a_run_by_its_likes():
    runs = [run("a", 8.0), run("a", 12.0), run("a", 10.0), run("once", 1.0)]
    usual, wide = by_the_others(runs)
    assert usual == pytest.approx(0.25)  # 11 for 8, 9 for 12, 10 for 10: 37.5, 25 and 0 %
    assert wide == pytest.approx(0.35)


@pytest.mark.parametrize("repeats", [2, 3, 8])
def test_the_least_error_is_that_of_the_true_mean(repeats):
    draw = random.Random(repeats)
    runs = [run(str(way), draw.gauss(10.0, 0.5)) for way in range(2000) for _ in range(repeats)]
    usual, wide = least_errors(runs)
    assert usual == pytest.approx(0.6745 * 0.05, rel=0.05)  # quantiles of a normal's size
    assert wide == pytest.approx(1.645 * 0.05, rel=0.05)


def test_the_least_error_at_known_speed_is_without_what_a_pass_has_in_common():
    draw = random.Random(5)
    speeds = {(workload, k): draw.gauss(0.0, 0.3) for workload in range(500) for k in range(3)}
    runs = [
        Run(str(workload), str(way), "m", math.exp(way + speed + draw.gauss(0.0, 0.05)), k)
        for (workload, k), speed in speeds.items()
        for way in range(4)
    ]
    usual, wide = least_errors_at_known_speed(runs)
    assert usual == pytest.approx(0.6745 * 0.05, rel=0.05)
    assert wide == pytest.approx(1.645 * 0.05, rel=0.05)
    assert least_errors(runs)[0] > 3 * usual


def test_each_run_is_held_against_the_prediction_of_its_own_pass():
    runs = [Run("w", "a", "m", 10.0, repeat=0), Run("w", "a", "m", 20.0, repeat=1)]
    predicted = {("w", "a", 0): Predicted(10.0, 9, 11), ("w", "a", 1): Predicted(20.0, 18, 22)}
    assert errors(runs, predicted).largest == 0.0
    stale = errors(a_pass_later(runs), predicted)
    assert (stale.runs, stale.largest) == (1, pytest.approx(0.5))


def test_regret_is_against_the_best_that_was_run():
    runs = [
        run("advised", 1.2),
        run("best", 1.0),
        run("spawn:2", 6.0),
        run("execute_in_process", 3),
    ]
    found = choice("w", "advised", "spawn:2", "execute_in_process", runs)
    assert (found.best, found.regret) == ("best", pytest.approx(0.2))
    assert found.against_default == pytest.approx(5.0)
    assert found.against_rule == pytest.approx(2.5)
    assert choice("w", "never run", "spawn:2", "x", runs) is None
    assert choice("w", "advised", "spawn:8", "x", runs).against_default is None


@pytest.mark.parametrize(
    ("item_s", "expected"),
    [(0.5, "execute_in_process"), (30.0, "spawn:2"), (300.0, "cli-spawn:2")],
)
def test_the_rule_of_thumb_goes_by_the_item_alone(item_s, expected):
    assert rule_of_thumb(item_s, "spawn:2") == expected


def test_quantile_interpolates():
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([5.0], 0.9) == 5.0


def test_runs_are_grouped_by_how_far_the_speed_was_from_that_while_profiling():
    slower = {"a": 1.04, "b": 0.97, "c": 1.1, "d": 1.7, "e": 0.6, "unknown": None}
    runs = [Run("w", way, "m", 10.0, 0, factor) for way, factor in slower.items()]
    predicted = {run.trial: Predicted(9, 8, 11) for run in runs}
    found = by_change_of_speed(runs, predicted)
    assert {words: errors.runs for words, errors in found.items()} == {
        "within 5 %": 2, "5 to 15 %": 1, "further": 2,
    }  # fmt: skip
    assert list(by_change_of_speed(runs[3:4], predicted)) == ["further"]


def test_ranges_resample_whole_workloads():
    runs = [run(f"{way}", 10.0, workload=f"w{n}") for n in range(8) for way in range(20)]
    # all runs of a workload err alike: twenty of them tell no more than one
    predicted = {r.trial: Predicted(10.0 + int(r.workload[1:]), 0, 10.5) for r in runs}
    low, high = errors(runs, predicted).ranges[0]
    assert low <= 0.25
    assert high >= 0.45
    assert errors([r for r in runs if r.workload == "w1"], predicted).ranges is None


@pytest.mark.parametrize(
    ("configuration", "name"),
    [("warm:4", "plain"), ("in_process:batch=8", "batched"), ("cli-warm:2", "command line"),
     ("in_process:batch=8:threads=4", "threads"), ("warm:2:batch=4:processes=2", "processes")],
)  # fmt: skip
def test_ways_are_classed_by_what_they_err_by(configuration, name):
    assert class_of(configuration) == name


def test_chances_are_held_against_how_often_a_way_was_the_best():
    runs = [Run(f"w{n}", way, "m", wall) for n in range(4) for way, wall in (("a", 1), ("b", 2))]
    predicted = {r.trial: Predicted(1, 0, 2, p_best=0.95 if r.configuration == "a" else 0.05)
                 for r in runs}  # fmt: skip
    never, always = reliability(runs, predicted)
    assert never == ["0.0 % to 10.0 %", "4", "5.0 %", "0.0 %"]
    assert always == ["90.0 % to 100.0 %", "4", "95.0 %", "100.0 %"]


def test_memory_is_held_against_the_real_peak_and_machines_of_several_sizes():
    gib = 2**30
    runs = [Run("w", "a", "m", 1.0, peak_rss_bytes=3 * gib)]
    predicted = {runs[0].trial: Predicted(1, 0, 2, peak_memory_bytes=int(1.5 * gib))}
    row = memory_rows(runs, predicted, 0.15, lambda r: "all")[0]
    assert row == ["all", "1", "-50.0 %", "50.0 %", "1 of 5", "0 of 5"]  # the one of 2 GiB


def test_random_workloads_are_of_their_seed_alone_and_cover_all_kinds_of_work():
    assert recipe(7, 3) == recipe(7, 3)
    assert recipe(8, 0) != recipe(7, 0)
    made = [recipe(7, number) for number in range(JOBS)]
    assert {feature for each in made for feature in each.features} == set(LEADING)
    many = [recipe(seed, number) for seed in range(20) for number in range(JOBS)]
    assert all(3.9 < each.item_s * len(each.factors) < 16.1 for each in many)
