"""How far the mean of few measured items may lie from the mean of all."""

from __future__ import annotations

import numpy as np

from advisor.model.items import FloatArray, Items
from advisor.model.listing import is_ordered

PRIOR_SD, PRIOR_WEIGHT = 0.3, 1
"""What is believed of the standard deviation of log item seconds before items were compared, and
for how many degrees of freedom it counts."""

WIDEST = 5.0
"""A factor beyond which an interval says no more than "unknown"."""

_SIMULATED = 20_000


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
        squares = max(squares, (measured - 1) * float(np.log1p(relative)))
    squares += PRIOR_WEIGHT * PRIOR_SD**2
    rng = np.random.default_rng(24680)
    variance = squares / rng.chisquare(PRIOR_WEIGHT + measured - 1, _SIMULATED)
    mean = np.sqrt(variance / measured) * rng.standard_normal(_SIMULATED)
    moved = mean + variance / 2
    limit = np.log(WIDEST)
    factors = np.exp(np.clip(moved - np.median(moved), -limit, limit))
    spread = rng.permutation(np.quantile(factors, (np.arange(draws) + 0.5) / draws))
    unmeasured = 1.0 - len(items.known) / items.count
    return np.asarray(1.0 + unmeasured * (spread - 1.0))
