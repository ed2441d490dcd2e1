"""An item's first call, and calls of the same item again, which may find its files in a cache.

Production calls each item once, so that its first call is what is predicted where the two differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from advisor.domain.item_sample import ItemSample
from advisor.domain.workload import OpProfile

SLOWER, MOST = 1.3, 0.75
"""Times as long as again that a first call takes, on the median and for this share of the items,
where something is read or made for the first time."""
FEWEST = 3
"""Items that were called more than once, from which it is told."""
LEAST_S = 0.002
"""Seconds of difference, below which it is the call's own noise."""


@dataclass(frozen=True, slots=True)
class FirstTouches:
    """Mean seconds of an item's first call and of its further ones, and of how many items.

    ``cpu_s`` is how much more the first one computes.
    """

    first_s: float
    again_s: float
    cpu_s: float
    items: int


def first_touches(profile: OpProfile) -> FirstTouches | None:
    """Where an op's first call of an item is slower than calling it again; None where not.

    A further call that is the first in its process counts: it is no faster for that.
    """
    first = {call.item: call for call in profile.later_calls if not call.again}
    further: dict[int, list[ItemSample]] = {}
    for call in profile.calls:
        if call.again and call.item in first:
            further.setdefault(call.item, []).append(call)
    pairs = [
        (first[item].wall_s, fmean(call.wall_s for call in calls))
        for item, calls in further.items()
    ]
    if len(pairs) < FEWEST:
        return None
    first_s, again_s = map(fmean, zip(*pairs, strict=True))
    cpu_s = fmean(
        first[item].cpu_s - fmean(call.cpu_s for call in calls) for item, calls in further.items()
    )
    touches = FirstTouches(first_s, again_s, max(0.0, cpu_s), len(pairs))
    slower = [first_s / max(again_s, 1e-9) for first_s, again_s in pairs]
    many = sum(ratio > SLOWER for ratio in slower) >= MOST * len(pairs)
    differs = many and median(slower) > SLOWER and touches.first_s - touches.again_s > LEAST_S
    return touches if differs else None


def as_in_production(profile: OpProfile) -> OpProfile:
    """The op's calls as first ones of their item, which find nothing that another one left."""
    touches = first_touches(profile)
    if touches is None:
        return profile

    def touching(calls: Sequence[ItemSample]) -> tuple[ItemSample, ...]:
        wall_s = touches.first_s - touches.again_s
        return tuple(c.longer(wall_s, touches.cpu_s) if c.again else c for c in calls)

    return replace(
        profile,
        first_calls=touching(profile.first_calls),
        preloaded_first_calls=touching(profile.preloaded_first_calls),
        later_calls=tuple(call for call in profile.later_calls if not call.again),
    )
