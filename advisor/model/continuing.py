"""A workload that was measured before, with what is measured of the same code now."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from advisor.domain.item_sample import ItemSample
from advisor.domain.trial import Agreement
from advisor.domain.workload import ConcurrencyProbe, OpProfile, WorkloadProfile

ALIKE = 1.5
"""Times by which like items may take longer or shorter than before and still count as the same:
beyond it, it is not the same work, or not the same machine."""

_TICK_S = 0.002  # items shorter than this differ by noise alone

MOST_CALLS = 240
"""Calls of one kind that are remembered, the newest."""


def is_alike(earlier: WorkloadProfile, now: WorkloadProfile) -> bool:
    """Whether an earlier profile measured the same items at the same speed."""
    if earlier.items != now.items or earlier.fan_out_items != now.fan_out_items:
        return False
    if [op.handle for op in earlier.ops] != [op.handle for op in now.ops]:
        return False
    pairs = zip(earlier.ops, now.ops, strict=True)
    ratios = [_ratio(before, after) for before, after in pairs]
    return all(1 / ALIKE <= ratio <= ALIKE for ratio in ratios)


def _ratio(before: OpProfile, after: OpProfile) -> float:
    """Seconds now over seconds before, of the items that were called both times; 0 of none."""
    by_item: dict[int, list[float]] = {}
    for call in before.later_calls:
        by_item.setdefault(call.item, []).append(call.wall_s)
    ratios = [
        (call.wall_s + _TICK_S) / (median(by_item[call.item]) + _TICK_S)
        for call in after.later_calls
        if call.item in by_item
    ]
    return median(ratios) if ratios else 0.0


def worked(earlier: WorkloadProfile) -> tuple[ConcurrencyProbe, ...]:
    """The probes that need not be repeated: what failed or differed may have had outer causes."""
    return tuple(
        probe
        for probe in earlier.probes
        if probe.failed is None and probe.comparison.agreement is not Agreement.DIFFERS
    )


def continued(earlier: WorkloadProfile, now: WorkloadProfile) -> WorkloadProfile:
    """What both measured; figures of one moment are those of now."""
    pairs = zip(earlier.ops, now.ops, strict=True)
    return replace(
        now,
        ops=tuple(_op(before, after) for before, after in pairs),
        probes=(*worked(earlier), *now.probes),
        limited_probes=(*earlier.limited_probes, *now.limited_probes),
        hotspots=now.hotspots or earlier.hotspots,
        category_shares=now.category_shares or earlier.category_shares,
        collect_s=earlier.collect_s if now.collect_s is None else now.collect_s,
        collect_items=now.collect_items or earlier.collect_items,
    )


def _op(before: OpProfile, after: OpProfile) -> OpProfile:
    def both(one: Sequence[ItemSample], other: Sequence[ItemSample]) -> tuple[ItemSample, ...]:
        return tuple([*one, *other][-MOST_CALLS:])

    return replace(
        after,
        first_calls=both(before.first_calls, after.first_calls),
        preloaded_first_calls=both(before.preloaded_first_calls, after.preloaded_first_calls),
        later_calls=both(before.later_calls, after.later_calls),
        limited_calls=both(before.limited_calls, after.limited_calls),
        first_call_modules=after.first_call_modules or before.first_call_modules,
        unsafe_modules={**before.unsafe_modules, **after.unsafe_modules},
        unpicklable=after.unpicklable or before.unpicklable,
    )
