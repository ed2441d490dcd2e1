"""The model reproduces the calibration that it was fitted to, under a quota as well.

The runs were recorded on two cores. Under a quota below one core, all that is computed takes
longer by its inverse; the recorded runs are stretched so.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from own_calibration import reproduced_s
from test_recorded_accuracy import recorded_host

from advisor.domain.host import CalibrationRun, HostProfile
from advisor.domain.observed import ObservedRun, ObservedStep

METHODS = 4
"""Runs of a pass: each method once."""


def stretched(log: ObservedRun, by: float) -> ObservedRun:
    """The log with all its times so many times as late."""

    def later(step: ObservedStep) -> ObservedStep:
        times = {each.name: getattr(step, each.name) for each in fields(step)}
        moved = {n: by * at for n, at in times.items() if n.endswith("_s") and at is not None}
        return replace(step, **moved)

    steps = tuple(map(later, log.steps))
    return replace(log, steps=steps, end_s=by * log.end_s, run_start_s=by * log.run_start_s)


def throttled(run: CalibrationRun, quota: float) -> CalibrationRun:
    """A run as it is under a quota, whose processes compute all the time."""
    by = 1.0 / min(1.0, quota)
    step = next(step for step in run.run.steps if step.mapping_key is not None)
    begun_s = step.worker_starting_s or 0.0
    return replace(
        run,
        wall_s=by * run.wall_s,
        item_wait_s=by * run.item_wait_s,
        started_at_s=run.run.started_at_s - by * (run.run.started_at_s - run.started_at_s),
        run=stretched(run.run, by),
        parent_cpu_s=run.parent_cpu_s,
        step_cpu_s=(step.inputs_s or 0.0) - begun_s if by > 1 else 0.0,
    )


def passes() -> list[HostProfile]:
    host = recorded_host()
    starts = range(0, len(host.runs), METHODS)
    return [replace(host, runs=host.runs[at : at + METHODS]) for at in starts][:2]


@pytest.mark.parametrize("cores", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("host", passes())
def test_the_model_reproduces_its_own_calibration(host: HostProfile, cores: float) -> None:
    runs = tuple(throttled(run, cores) for run in host.runs)
    there = replace(host, runs=runs, facts=replace(host.facts, cpus=cores))
    errors = {run.method: reproduced_s(there, run) / run.wall_s - 1.0 for run in runs}
    assert len(errors) == METHODS
    assert all(abs(error) <= 0.05 for error in errors.values()), errors
