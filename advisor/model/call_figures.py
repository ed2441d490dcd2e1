"""Figures of the measured calls of an op."""

from collections.abc import Sequence
from statistics import fmean

from advisor.domain.item_sample import ItemSample
from advisor.domain.workload import OpProfile

ASSET_EVENT = 2.6
"""Recording a materialization or an observation over recording a log line, in CPU seconds.

It writes the asset's own tables too: 9.3 and 3.6 ms on SQLite, Dagster 1.13, 400 events of each.
"""


def io_wait_share(calls: Sequence[ItemSample]) -> float:
    """Of loading and storing, the share that waits."""
    moved_s = sum(call.load_s + call.store_s for call in calls)
    return min(1.0, sum(call.io_wait_s for call in calls) / moved_s) if moved_s > 0 else 0.0


def mean_events(calls: Sequence[ItemSample]) -> float:
    """Events of a call, each counted as often as it costs what a log line does."""
    return fmean(c.events + (ASSET_EVENT - 1.0) * c.asset_events for c in calls) if calls else 0.0


def mean_bytes(profile: OpProfile, name: str) -> int:
    """A figure of a call in bytes."""
    calls = profile.calls
    return round(fmean(getattr(call, name) for call in calls)) if calls else 0


def hook_seconds(calls: Sequence[ItemSample]) -> tuple[float, float]:
    """What the hooks of a call compute, and what they wait, where they were called."""
    called = [(call.hook_s, call.hook_cpu_s) for call in calls if call.hook_s is not None]
    if not called:
        return 0.0, 0.0
    wall_s, cpu_s = (fmean(column) for column in zip(*called, strict=True))
    return cpu_s, wall_s - cpu_s


def mean_seconds(ops: Sequence[Sequence[ItemSample]]) -> tuple[float, float]:
    """Mean wall and CPU seconds of an item's chain."""
    wall_s = sum(fmean(call.wall_s for call in op) for op in ops)
    return wall_s, sum(fmean(call.cpu_s for call in op) for op in ops)
