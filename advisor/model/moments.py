"""A host's speed from moment to moment: what each method's runs would take at the newest one.

A shared machine computes at another speed an hour later, and not every method is calibrated at
every moment. The logarithm of a run's CPU seconds is taken as a sum of two: its method's, and its
moment's (a two-way layout with empty cells). Moments near in time are alike: their speeds are an
Ornstein-Uhlenbeck process, so that the newest one is known from its own runs and from those before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.domain.host import CalibrationRun

PAUSE_S = 20.0
"""Runs that begin so long after the one before has ended are of another moment."""

MOMENT_SD = 0.1
"""Prior log standard deviation of a moment's speed, beyond the noise of what ran in it: seen over
16 moments in 40 minutes on a shared 2-core machine."""

ALIKE_S = 3600.0
"""Time in which the correlation of two moments' speeds falls to 1/e. On that machine the speed of
a moment told most of that of the minutes after it, and followed a trend of half an hour."""


def imported_s(run: CalibrationRun) -> float:
    """Seconds in which a run imported the user's module: in the server, and in every step."""
    return run.server_import_s + run.step_import_s * len(run.run.steps)


def own_cpu_s(run: CalibrationRun) -> float:
    """CPU seconds of a run without the imports of the user's module."""
    return max(run.parent_cpu_s + run.child_cpu_s - imported_s(run), 1e-3)


def moments_of(runs: Sequence[CalibrationRun]) -> list[int]:
    """The number of each run's moment, runs being in the order of their start."""
    numbers: list[int] = []
    ended_s = float("-inf")
    for run in runs:
        later = run.started_at_s > ended_s + PAUSE_S
        numbers.append((numbers[-1] if numbers else -1) + later)
        ended_s = run.started_at_s + run.wall_s
    return numbers


def to_newest_moment(runs: Sequence[CalibrationRun], noise: float) -> Mapping[str, float]:
    """Method to the factor from its runs' mean to what they would take at the newest moment.

    Args:
        runs: Like runs of each method.
        noise: Log standard deviation of one second of computing at one moment.
    """
    from sklearn.linear_model import Ridge

    runs = sorted(runs, key=lambda run: run.started_at_s)
    methods = sorted({run.method for run in runs})
    moments = np.array(moments_of(runs))
    count = int(moments.max(initial=0)) + 1
    if count < 2:
        return dict.fromkeys(methods, 1.0)
    at_s = np.array([runs[int(np.argmax(moments == k))].started_at_s for k in range(count)])
    alike = np.exp(-np.abs(at_s[:, None] - at_s[None, :]) / ALIKE_S)
    correlated = np.linalg.cholesky(alike + 1e-9 * np.eye(count))
    by_method = np.array([[run.method == method for method in methods] for run in runs], float)
    weights = np.array([own_cpu_s(run) for run in runs])
    # Columns as large as this are as good as not penalized: only the moments have a prior.
    design = np.hstack([1e3 * by_method, correlated[moments]])
    model = Ridge(alpha=(noise / MOMENT_SD) ** 2, fit_intercept=False)
    model.fit(design, np.log(weights), sample_weight=weights)
    speed = correlated @ model.coef_[len(methods) :]
    return {
        method: float(np.exp(speed[-1] - speed[moments[by_method[:, place] > 0]].mean()))
        for place, method in enumerate(methods)
    }
