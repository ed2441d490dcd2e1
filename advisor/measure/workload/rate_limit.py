"""Whether a service behind the op lets calls through at a rate, after a few that were faster."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median, quantiles

from advisor.domain.rate_limit import RateLimit

_FEWEST_BEFORE, _FEWEST_AFTER = 5, 8
_RISE = 3.0  # times its seconds before, from which a call is held up and not only disturbed
_FASTER = 1.5  # times as many calls per second ended before
_STEADY = 1.3  # times the earlier gaps, up to which the later ones are still the same rate
_EVEN = 2.0  # most that spans of as many ends may differ from their median: a clock, no crowd
_SPANS = 10


def rate_limit(calls: Sequence[Sequence[tuple[float, float]]]) -> RateLimit | None:
    """The rate at which calls end after a while, where they took much less before.

    Cores or locks that calls share hold them up from the first one on; a bucket of tokens is
    emptied first, and then lets one through at a time, evenly.

    Args:
        calls: For each worker, all of which begin together, its calls in their order: their
            seconds, and those of the same item alone.
    """
    ended = sorted(_ends(calls))
    n = len(ended)
    for before in range(_FEWEST_BEFORE, n - _FEWEST_AFTER + 1):
        early, late = ended[:before], ended[before:]
        gaps_s = [then - now for (now, _), (then, _) in pairwise(late)]
        slower = median(ratio for _, ratio in late) / median(ratio for _, ratio in early)
        if slower >= _RISE and _is_even(gaps_s):
            per_s = len(gaps_s) / sum(gaps_s)
            faster = before >= _FASTER * per_s * early[-1][0]
            return RateLimit(per_s, before) if faster else None
    return None


def _ends(calls: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """When each call ended, and how many times its seconds alone it took."""
    ends = []
    for worker in calls:
        now_s = 0.0
        for wall_s, alone_s in worker:
            now_s += wall_s
            ends.append((now_s, wall_s / max(alone_s, 1e-9)))
    return ends


def _is_even(gaps_s: Sequence[float]) -> bool:
    half = len(gaps_s) // 2
    if fmean(gaps_s[-half:]) > _STEADY * fmean(gaps_s[:half]):
        return False  # it grows ever slower: that is no rate
    each = max(1, len(gaps_s) // _SPANS)  # a busy machine ends some calls late, and the next soon
    starts = range(0, len(gaps_s) - each + 1, each)
    spans_s = [sum(gaps_s[start : start + each]) for start in starts]
    typical_s = median(spans_s)
    tenths = quantiles(spans_s, n=10)
    return typical_s > 0 and tenths[0] * _EVEN >= typical_s and tenths[-1] <= _EVEN * typical_s
