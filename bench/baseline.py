"""The baseline that a mechanism must beat: a linear regression on the calibration's runs.

Wall clock as a non-negative combination of ceil(N / m), N, m and the work over m, fitted for each
method to the same tiny runs that the simulator's overheads come from.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression


def calibrated_method(candidate: Any) -> str:
    if candidate.executor == "in_process":
        simple = candidate.launch == "execute_in_process"
        return "execute_in_process" if simple else "in_process"
    return "warm_forkserver" if candidate.is_warm else str(candidate.start_method)


def features(items: int, slots: int, item_s: float) -> list[float]:
    return [math.ceil(items / slots), items, slots, items * item_s / slots]


def regressed_s(saved: Any, candidate: Any) -> float | None:
    """The baseline's prediction; None where it knows nothing of such a way to run."""
    method = calibrated_method(candidate)
    runs = [run for run in saved.host.runs if run.method == method and run.items > 0]
    if candidate.needs_code or not runs:
        return None
    rows = [features(r.items, r.max_concurrent, r.item_wait_s) for r in runs]
    model = LinearRegression(positive=True, fit_intercept=False)
    model.fit(np.array(rows), np.array([run.wall_s for run in runs]))
    items = saved.workload.items
    item_s = saved.advice.floors.serial_s / max(1, items)
    asked = np.array([features(items, candidate.max_concurrent, item_s)])
    return float(model.predict(asked)[0])
