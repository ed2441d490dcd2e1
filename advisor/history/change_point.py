"""Whether, and where, the level of a series changed. Pure."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MIN_SEGMENT = 4
"""Fewest values on each side of a change: a level needs a few of them to be one."""

PERMUTATIONS = 4_000
"""So that a p-value of 0.01 is known to about 0.16 percentage points."""


class Change(NamedTuple):
    """The first value of the new level, and the p-value that there is none."""

    place: int
    p_value: float


def change_point(values: Sequence[float]) -> Change | None:
    """Where the level most likely changed; None where the series is too short for two segments.

    The statistic is the largest standardized difference of the means of ranks on both sides of a
    split (Pettitt's idea, ranks being robust to single outliers); its distribution without a
    change comes from permuting the series, so the level is exact for any distribution of
    independent values, the search over all splits included.
    """
    from scipy.stats import rankdata

    count = len(values)
    if count < 2 * MIN_SEGMENT:
        return None
    ranks = np.asarray(rankdata(values))
    splits = np.arange(MIN_SEGMENT, count - MIN_SEGMENT + 1)
    observed = _contrast(ranks[None, :], splits)[0]
    best = int(np.argmax(observed))
    shuffled = np.random.default_rng(0).permuted(np.tile(ranks, (PERMUTATIONS, 1)), axis=1)
    # Ties with the observed value count against it; the observed order is one of the orders.
    beaten = int((_contrast(shuffled, splits).max(axis=1) >= observed[best] - 1e-9).sum())
    return Change(int(splits[best]), (beaten + 1) / (PERMUTATIONS + 1))


def fewest_values(level: float) -> int:
    """From how many values on a change can be told at all at a level of significance.

    Even the clearest change, in the middle, is matched by 2 of the ``comb(n, n / 2)`` orders.
    """
    return next(n for n in itertools.count(2 * MIN_SEGMENT) if 2 / math.comb(n, n // 2) < level)


def _contrast(rows: NDArray[np.float64], splits: NDArray[np.intp]) -> NDArray[np.float64]:
    """Standardized difference of the mean ranks before and after each split, by row."""
    count = rows.shape[1]
    before = np.cumsum(rows, axis=1)[:, splits - 1]
    total = rows.sum(axis=1, keepdims=True)
    difference = before / splits - (total - before) / (count - splits)
    return np.asarray(np.abs(difference) / np.sqrt(1 / splits + 1 / (count - splits)), dtype=float)
