"""Order of real runs, what counts as work, and what a failing configuration does to the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from factories import WARM_8, make_observed_run, make_target

from advisor.domain.observed import ObservedStep
from advisor.domain.quantities import Interval
from advisor.domain.verification import VerifiedRun
from advisor.measure.verification import (
    Configuration,
    estimated_s,
    interleaved,
    run_interleaved,
    work_s,
)


def configuration(name: str, **changes) -> Configuration:
    return replace(Configuration(name, WARM_8, make_target(), {}), **changes)


def finished(configuration: Configuration, failed: str | None = None) -> VerifiedRun:
    return VerifiedRun(configuration.candidate, 1.0, 0.5, 0.1, 0.2, "2026-01-02", failed)


def step(key: str | None, begin: float, end: float) -> ObservedStep:
    return ObservedStep(
        f"work[{key}]", "work", key, "success", inputs_s=begin, first_output_s=end
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 1), (1, 2), (4, 5)], 3.0),  # one after another
        ([(0, 2), (1, 3)], 3.0),  # overlapping
        ([(0, 5), (1, 2), (2, 3)], 5.0),  # within another
        ([], 0.0),
    ],
)
def test_work_is_the_time_in_which_an_item_is_computed(spans, expected):
    steps = tuple(step(str(number), *span) for number, span in enumerate(spans))
    unmapped = (step(None, 0.0, 100.0), ObservedStep("work[x]", "work", "x", "failure"))
    assert work_s(make_observed_run(steps=steps + unmapped)) == pytest.approx(expected)


def test_a_run_with_all_items_in_one_step_is_taken_by_its_steps():
    run = make_observed_run(steps=(step(None, 0.0, 0.1), step(None, 1.0, 2.5)))
    assert work_s(run) == pytest.approx(1.6)


def test_each_pass_runs_everything_once_and_orders_differ():
    names = list("abcdef")
    order = list(interleaved(names, 4, seed=1))
    assert order == list(interleaved(names, 4, seed=1))
    passes = [order[number * 6 : (number + 1) * 6] for number in range(4)]
    assert all(sorted(one) == names for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_runs_take_turns_and_keep_what_was_predicted():
    seen = []
    both = [configuration("a", predicted_s=Interval(2.0, 1.0, 3.0)), configuration("b")]

    def run(asked: Configuration) -> VerifiedRun:
        seen.append(asked.name)
        return finished(asked)

    found = run_interleaved(both, repeats=3, run=run)
    assert Counter(seen) == {"a": 3, "b": 3}
    assert set(seen[:2]) == {"a", "b"}
    assert [(v.name, len(v.runs)) for v in found] == [("a", 3), ("b", 3)]
    assert found[0].predicted_s == Interval(2.0, 1.0, 3.0)


def test_a_configuration_that_failed_is_not_run_again():
    seen = []

    def run(asked: Configuration) -> VerifiedRun:
        seen.append(asked.name)
        return finished(asked, "step work failed" if asked.name == "bad" else None)

    found = run_interleaved([configuration("good"), configuration("bad")], repeats=3, run=run)
    assert Counter(seen) == {"good": 3, "bad": 1}
    assert found[1].runs[0].failed == "step work failed"


def test_the_estimate_needs_every_prediction():
    known = configuration("a", predicted_s=Interval(10.0, 9.0, 11.0))
    assert 60.0 <= estimated_s([known, known], 3) < 100.0
    assert estimated_s([known, configuration("b")], 3) is None
