"""How far the mean of few measured items may lie from the mean of all."""

import numpy as np

from advisor.model.items import Items
from advisor.model.listing import is_ordered
from advisor.model.stage import FloatArray

PRIOR_SD, PRIOR_WEIGHT = 0.3, 1
"""What is believed of the standard deviation of log item seconds before items were compared, and
for how many degrees of freedom it counts."""

WIDEST = 5.0
"""A factor beyond which an interval says no more than "unknown"."""

_SIMULATED = 20_000
LEFT = 2.0
"""Standard errors of normal values' skewness that tell a tail of short items from chance."""

LEAST_FREEDOM = 16.0
"""Degrees of freedom that a variance keeps, if so many it has, however heavy its values' tails
look: a kurtosis from few values is hardly known itself."""


def _moment(values: FloatArray, order: int) -> float:
    """A standardized central moment: 3, the skewness; 4, the kurtosis (3 for normal values)."""
    apart = values - values.mean()
    return float((apart**order).mean() / max(float((apart**2).mean()) ** (order / 2), 1e-12))


def _freedom(logs: FloatArray) -> float:
    """Degrees of freedom of the logs' variance: fewer where two kinds of items make them.

    The relative variance of a variance is (kurtosis - 1) / n: 2 / n for normal values.
    """
    most = PRIOR_WEIGHT + len(logs) - 1.0
    by_tails = most * 2.0 / max(2.0, _moment(logs, 4) - 1.0)
    return max(by_tails, min(most, LEAST_FREEDOM))


def mean_factors(items: Items, draws: int) -> FloatArray:
    """Factors of the items' mean seconds, one per draw: 1 where every item was measured.

    Log item times are taken as normal with a weak prior on their variance; a draw of their mean
    and variance (normal-inverse-gamma) gives one of the mean item, ``exp(mean + variance / 2)``,
    over their median. A bootstrap, which cannot draw what was not measured, covers too little with
    few samples, and nothing at all with one.
    """
    if items.exact:
        return np.ones(draws)
    means = items.mean_wall_s
    measured = len(means)
    logs = np.log(np.maximum(means, 1e-6))
    # Neighbours tell how far items of one stratum differ, where the list has an order.
    ordered = is_ordered(items)
    apart = np.diff(logs) / np.sqrt(2.0) if ordered else logs - logs.mean()
    squares = float((apart**2).sum())
    if not ordered and measured > 1:  # two kinds of items may differ by more than their logs tell
        relative = float(means.var(ddof=1)) / max(float(means.mean()) ** 2, 1e-12)
        by_mean = (measured - 1) * float(np.log1p(relative))
        # Short items alone make the logs' variance larger than what the mean's error has of it.
        light = _moment(logs, 3) < -LEFT * (6.0 / measured) ** 0.5
        squares = by_mean if light else max(squares, by_mean)
    squares += PRIOR_WEIGHT * PRIOR_SD**2
    rng = np.random.default_rng(24680)
    freedom = _freedom(logs)
    sample_variance = squares / (PRIOR_WEIGHT + measured - 1)
    variance = sample_variance * freedom / rng.chisquare(freedom, _SIMULATED)
    mean = np.sqrt(variance / measured) * rng.standard_normal(_SIMULATED)
    moved = mean + variance / 2
    limit = np.log(WIDEST)
    factors = np.exp(np.clip(moved - np.median(moved), -limit, limit))
    spread = rng.permutation(np.quantile(factors, (np.arange(draws) + 0.5) / draws))
    unmeasured = 1.0 - len(items.sample_numbers) / items.count
    return np.asarray(1.0 + unmeasured * (spread - 1.0))
