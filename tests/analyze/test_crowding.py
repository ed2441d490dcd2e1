"""Seconds of steps that crowded the cores, read as an item's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observed_runs import make_observed

from advisor.domain.observed import ObservedRun
from advisor.history.learning import CROWDED, workload_from_runs


def seconds(runs: list[ObservedRun], cores: float = 2.0) -> list[float]:
    (op,) = workload_from_runs(runs, cores=cores).ops
    return [call.wall_s for call in op.calls]


ALONE = replace(make_observed([1.0] * 6, slots=1), run_id="alone")


def test_what_computes_took_four_times_as_long_with_eight_on_two_cores() -> None:
    """1 s of CPU each, which the log of the crowded run shows as 4 s."""
    crowded = make_observed([4.0] * 24, slots=8)
    found = seconds([crowded, ALONE])
    assert max(found) < 1.3
    assert CROWDED in workload_from_runs([crowded, ALONE], cores=2.0).notes


def test_what_waits_takes_its_seconds_beside_any_number() -> None:
    crowded = make_observed([1.0] * 24, slots=8)
    assert seconds([crowded, ALONE]) == pytest.approx([1.0] * 30, rel=0.02)


def test_a_run_of_which_nothing_tells_how_much_computes_is_left_as_it_is() -> None:
    assert min(seconds([make_observed([4.0] * 24, slots=8)])) > 3.0


def test_pods_do_not_crowd_the_executors_cores() -> None:
    pods = make_observed([4.0] * 24, slots=8, executor="k8s")
    assert min(seconds([pods, ALONE])) > 0.9
    assert max(seconds([pods, ALONE])) > 3.9
