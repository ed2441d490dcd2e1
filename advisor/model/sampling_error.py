"""How far the mean of few measured items may lie from the mean of all."""

from __future__ import annotations

import numpy as np

from advisor.model.items import FloatArray, Items

PRIOR_SD, PRIOR_WEIGHT = 0.3, 1
"""What is believed of the standard deviation of log item seconds before items were compared, and
for how many degrees of freedom it counts."""

WIDEST = 5.0
"""A factor beyond which an interval says no more than "unknown"."""

_SIMULATED = 20_000


def mean_factors(items: Items, draws: int) -> FloatArray:
    """Factors of the items' mean seconds, one per draw: 1 where every item was measured.

    Log item times are taken as normal with a weak prior on their variance; a draw of their mean
    and variance (normal-inverse-gamma) gives one of the mean item, ``exp(mean + variance / 2)``.
    A bootstrap alone, which cannot draw what was not measured, covers too little with few samples,
    and nothing at all with one.
    """
    if items.exact:
        return np.ones(draws)
    measured = items.samples
    logs = np.log(np.maximum(items.wall_s, 1e-6))
    squares = PRIOR_WEIGHT * PRIOR_SD**2 + float(((logs - logs.mean()) ** 2).sum())
    rng = np.random.default_rng(24680)
    variance = squares / rng.chisquare(PRIOR_WEIGHT + measured - 1, _SIMULATED)
    mean = logs.mean() + np.sqrt(variance / measured) * rng.standard_normal(_SIMULATED)
    centre = np.log(max(float(items.wall_s.mean()), 1e-6))
    limit = np.log(WIDEST)
    factors = np.exp(np.clip(mean + variance / 2 - centre, -limit, limit))
    spread = rng.permutation(np.quantile(factors, (np.arange(draws) + 0.5) / draws))
    unmeasured = max(0.0, 1.0 - measured / max(measured, items.count))
    return np.asarray(1.0 + unmeasured * (spread - 1.0))
