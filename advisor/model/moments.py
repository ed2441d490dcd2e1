"""A host's speed from moment to moment, so that methods measured at different moments compare.

A shared machine computes at another speed an hour later, and not every method is calibrated at
every moment. The logarithm of a run's CPU seconds is taken as a sum of two: its method's, and its
moment's (a two-way layout with empty cells). A method that was only seen in fast moments is then
moved to what it would take in the mean of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from advisor.domain.host import CalibrationRun

PAUSE_S = 20.0
"""Runs that begin so long after the one before has ended are of another moment."""

MOMENT_SD = 0.1
"""Prior log standard deviation of a moment's speed, beyond the noise of what ran in it."""


def own_cpu_s(run: CalibrationRun) -> float:
    """CPU seconds of a run without the imports of the user's module."""
    imported_s = run.server_import_s + run.step_import_s * len(run.run.steps)
    return max(run.parent_cpu_s + run.child_cpu_s - imported_s, 1e-3)


def moments_of(runs: Sequence[CalibrationRun]) -> list[int]:
    """The number of each run's moment, runs being in the order of their start."""
    numbers: list[int] = []
    ended_s = float("-inf")
    for run in runs:
        later = run.started_at_s > ended_s + PAUSE_S
        numbers.append((numbers[-1] if numbers else -1) + later)
        ended_s = run.started_at_s + run.wall_s
    return numbers


def to_mean_moment(runs: Sequence[CalibrationRun], noise: float) -> Mapping[str, float]:
    """Method to the factor from its runs' mean to what they would take in the mean moment.

    Args:
        runs: Like runs of each method.
        noise: Log standard deviation of one second of computing at one moment.
    """
    from sklearn.linear_model import Ridge

    runs = sorted(runs, key=lambda run: run.started_at_s)
    methods = sorted({run.method for run in runs})
    moments = moments_of(runs)
    if len(set(moments)) < 2 or len(methods) < 2:
        return dict.fromkeys(methods, 1.0)
    by_method = np.array([[run.method == method for method in methods] for run in runs], float)
    by_moment = np.eye(moments[-1] + 1)[moments]
    weights = np.array([own_cpu_s(run) for run in runs])
    # Columns as large as this are as good as not penalized: only the moments have a prior.
    design = np.hstack([1e3 * by_method, by_moment])
    model = Ridge(alpha=(noise / MOMENT_SD) ** 2, fit_intercept=False)
    model.fit(design, np.log(weights), sample_weight=weights)
    speed = by_moment @ model.coef_[len(methods) :]
    usual = fmean(speed)
    return {
        method: float(np.exp(usual - speed[by_method[:, place] > 0].mean()))
        for place, method in enumerate(methods)
    }
