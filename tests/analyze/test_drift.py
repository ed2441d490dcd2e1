"""Runs since the advice against what it promised, and whether something changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_advice
from observed_runs import make_observed

from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import Interval
from advisor.history.change_point import change_point, fewest_values
from advisor.history.drift import LEVEL, drift


def history(work_s: list[float], launch_s: list[float] | None = None) -> list[ObservedRun]:
    launches = launch_s or [1.0] * len(work_s)
    return [
        replace(
            make_observed([work] * 4, launch_s=launch),
            run_id=f"run-{index:03}",
            started_at_s=1_700_000_000.0 + index * 3600,
        )
        for index, (work, launch) in enumerate(zip(work_s, launches, strict=True))
    ]


def noisy(levels: list[float], seed: int = 0) -> list[float]:
    noise = np.random.default_rng(seed).normal(0, 0.08, len(levels))
    return [float(level * np.exp(n)) for level, n in zip(levels, noise, strict=True)]


def test_a_change_of_the_work_is_found_at_its_run() -> None:
    found = drift(history(noisy([0.5] * 10 + [0.8] * 8)), None)
    (change,) = found.changes
    assert (change.quantity, change.run_id) == ("work", "run-010")
    assert change.after_s / change.before_s == pytest.approx(1.6, rel=0.15)
    assert found.thin is None


def test_a_change_of_the_overhead_is_told_from_one_of_the_work() -> None:
    found = drift(history(noisy([0.5] * 18, 5), noisy([1.0] * 9 + [1.6] * 9, 1)), None)
    assert [(change.quantity, change.run_id) for change in found.changes] == [
        ("overhead", "run-009")
    ]


def test_order_of_reading_does_not_matter() -> None:
    runs = history(noisy([0.5] * 10 + [0.8] * 8))
    assert drift(runs[::-1], None) == drift(runs, None)


def test_one_slow_run_is_no_change() -> None:
    assert drift(history(noisy([0.5] * 9 + [5.0] + [0.5] * 9)), None).changes == ()


def test_without_a_change_alarms_are_as_rare_as_stated() -> None:
    generator = np.random.default_rng(11)
    series = np.exp(generator.standard_t(3, size=(600, 16)) * 0.1)
    alarms = sum(change_point(list(values)).p_value <= LEVEL for values in series)
    assert alarms / 600 <= 0.02  # the level is 0.01; 0.02 is 2.5 standard errors above


def test_few_runs_are_thin_evidence_and_enough_are_not() -> None:
    enough = fewest_values(LEVEL)
    step = [0.5] * (enough // 2) + [5.0] * (enough - enough // 2)
    assert "thin" in drift(history(noisy(step[: enough - 1])), None).thin
    assert drift(history(noisy(step)), None).changes


def test_runs_that_went_otherwise_are_not_compared() -> None:
    runs = history(noisy([0.5] * 9))
    other = [
        replace(
            run,
            run_id=f"o{run.run_id}",
            start_method="forkserver",
            max_concurrent=8,
            started_at_s=run.started_at_s + 1e6,
        )
        for run in history(noisy([2.0] * 9))
    ]
    found = drift([*runs, *other], None)
    assert found.changes == ()
    assert "thin" in (found.thin or "")


def test_errors_regret_and_intervals() -> None:
    advice = make_advice()
    items = advice.workload.items
    base = make_observed([0.5] * items, slots=2)
    runs = [
        replace(base, run_id=f"r{index}", end_s=end, started_at_s=float(index))
        for index, end in enumerate((10.0, 11.0, 15.0))
    ]
    predicted = {run.run_id: Interval(10.0, 9.0, 12.0) for run in runs}
    found = drift(runs, advice, predicted)
    assert [point.error for point in found.points] == pytest.approx([0.0, 0.1, 0.5])
    assert (found.median_error, found.bias) == (pytest.approx(0.1), pytest.approx(0.1))
    assert found.in_interval == pytest.approx(2 / 3)
    best = advice.recommendation.makespan_s.median
    assert found.points[0].regret == pytest.approx(10.0 / best - 1)


def test_a_run_is_laid_beside_the_advices_own_candidate() -> None:
    advice = make_advice()
    known = next(
        p
        for p in (advice.default, *advice.candidates)
        if p is not None and p.candidate.start_method == "spawn"
    )
    run = make_observed([0.5] * advice.workload.items, slots=known.candidate.max_concurrent)
    (point,) = drift([run], advice).points
    assert point.predicted_s == known.makespan_s


def test_failed_and_retried_runs_teach_nothing() -> None:
    failed = replace(history([0.5])[0], status="failure")
    found = drift([failed], make_advice(), {failed.run_id: Interval(1.0, 0.5, 2.0)})
    assert not found.points[0].comparable
    assert found.median_error is None


def test_runs_from_before_the_advice_are_shown_and_not_compared() -> None:
    advice = make_advice()
    items = advice.workload.items
    old, new = (
        replace(make_observed([0.5] * items, slots=2), run_id=name, started_at_s=at_s)
        for name, at_s in (("old", 0.0), ("new", 9.0))
    )
    found = drift([old, new], advice, {"new": Interval(10.0, 9.0, 12.0)})
    assert [point.error is None for point in found.points] == [True, False]
    assert found.points[0].regret is None
