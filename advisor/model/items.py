"""The measured items as numbers to draw from: service times by stage and by kind of call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.domain.workload import ItemSample, OpProfile, WorkloadProfile

FloatArray = NDArray[np.float64]
CallKind = Literal["first", "preloaded", "later"]

ASSET_EVENT = 2.6
"""Recording a materialization or an observation over recording a log line, in CPU seconds.

It writes the asset's own tables too: 9.3 and 3.6 ms on SQLite, Dagster 1.13, 400 events of each.
"""


@dataclass(frozen=True, slots=True)
class ExtraCost:
    """What a step costs beyond a later call: CPU and waiting seconds."""

    cpu_s: float = 0.0
    wait_s: float = 0.0

    @property
    def wall_s(self) -> float:
        """Both together."""
        return self.cpu_s + self.wait_s


@dataclass(frozen=True, slots=True)
class Stage:
    """One op of the mapped chain; arrays hold one entry a measured item.

    ``wall_s`` and ``cpu_s`` are later calls (first calls less their extra where there is no
    later one). ``load_s`` and ``store_s`` are through the IO manager, and ``io_wait_share`` of them
    waits. ``held_s`` is how long an asynchronous op held its event loop; None where that was not
    measured. ``taken`` tells which items take the op, whose seconds are 0 for the others; None:
    all do. ``events`` a call has Dagster record on average, beside every step's own; one of an
    asset counts as `ASSET_EVENT`.
    """

    wall_s: FloatArray
    cpu_s: FloatArray
    load_s: FloatArray
    store_s: FloatArray
    first: ExtraCost = ExtraCost()
    preloaded: ExtraCost = ExtraCost()
    resources: ExtraCost = ExtraCost()
    held_s: FloatArray | None = None
    io_wait_share: float = 0.0
    taken: NDArray[np.bool_] | None = None
    events: float = 0.0

    @property
    def share(self) -> float:
        """The share of the items that take this op."""
        return 1.0 if self.taken is None else float(self.taken.mean())

    @property
    def loop_s(self) -> FloatArray:
        """How long calls hold their event loop: as measured, else while they compute."""
        return self.cpu_s if self.held_s is None else self.held_s

    def first_call_extra(self, call: CallKind) -> ExtraCost:
        """What a call of this kind costs beyond a later one."""
        return {"first": self.first, "preloaded": self.preloaded, "later": ExtraCost()}[call]


@dataclass(frozen=True, slots=True)
class Items:
    """The workload's items: ``count`` of them, ``samples`` measured, one array entry a sample.

    ``between_bytes`` is the largest of the results that an op of the chain hands to the next.

    ``exact`` is True where the samples are all the items there are, in order. ``measured_cpu_s``
    is the CPU of all measured calls: what the items' own CPU is known from. ``numbers`` are the
    workload's items that the samples are of.
    """

    count: int
    samples: int
    exact: bool
    stages: tuple[Stage, ...]
    fan_out_s: float = 0.0
    upstream_s: float = 0.0
    collect_s: float = 0.0
    peak_rss_bytes: int = 0
    base_rss_bytes: int = 0
    grown_rss_bytes: int = 0
    forked_rss_bytes: int = 0
    first_touch_byte_s: float = 0.0
    input_bytes: int = 0
    output_bytes: int = 0
    between_bytes: int = 0
    measured_cpu_s: float = 0.0
    numbers: tuple[int, ...] = ()

    @property
    def wall_s(self) -> FloatArray:
        """An item's whole chain, one after another (shape: samples)."""
        return np.asarray(np.sum([stage.wall_s for stage in self.stages], axis=0))

    @property
    def cpu_s(self) -> FloatArray:
        """CPU of an item's whole chain (shape: samples)."""
        return np.asarray(np.sum([stage.cpu_s for stage in self.stages], axis=0))

    @property
    def events(self) -> float:
        """Events that an item has Dagster record on average, beside every step's own."""
        return sum(stage.events * stage.share for stage in self.stages)

    @property
    def calls(self) -> dict[int, tuple[float, float]]:
        """Item to wall and CPU seconds of its whole chain."""
        pairs = zip(self.wall_s.tolist(), self.cpu_s.tolist(), strict=True)
        return dict(zip(self.numbers, pairs, strict=True))

    @property
    def first_extra_s(self) -> float:
        """Wall seconds that the first calls of the whole chain cost beyond later ones."""
        return sum(stage.first.wall_s + stage.resources.wall_s for stage in self.stages)


def _by_item(samples: Sequence[ItemSample]) -> dict[int, list[ItemSample]]:
    grouped: dict[int, list[ItemSample]] = {}
    for sample in samples:
        grouped.setdefault(sample.item, []).append(sample)
    return grouped


def _extra(first: Sequence[ItemSample], later: Sequence[ItemSample]) -> ExtraCost:
    """Mean excess of first calls over the later calls of the same items (of all, if none match)."""
    if not first or not later:
        return ExtraCost()
    known = _by_item(later)
    overall = list(later)
    cpu, wall = [], []
    for sample in first:
        peers = known.get(sample.item, overall)
        cpu.append(sample.cpu_s - fmean(peer.cpu_s for peer in peers))
        wall.append(sample.wall_s - fmean(peer.wall_s for peer in peers))
    extra_wall = max(0.0, fmean(wall))
    extra_cpu = min(max(0.0, fmean(cpu)), extra_wall)
    return ExtraCost(cpu_s=extra_cpu, wait_s=extra_wall - extra_cpu)


def _less(sample: ItemSample, extra: ExtraCost) -> ItemSample:
    """A first call without what first calls cost beyond later ones."""
    return replace(
        sample,
        wall_s=max(0.0, sample.wall_s - extra.wall_s),
        cpu_s=max(0.0, sample.cpu_s - extra.cpu_s),
    )


def _as_later(
    profile: OpProfile, first: ExtraCost, preloaded: ExtraCost
) -> dict[int, list[ItemSample]]:
    """Each item's later calls; where it has none, its first calls less their extra."""
    calls = _by_item(profile.later_calls)
    others = [_less(sample, first) for sample in profile.first_calls]
    others += [_less(sample, preloaded) for sample in profile.preloaded_first_calls]
    return {**_by_item(others), **calls}


def _resources(profile: OpProfile) -> ExtraCost:
    """Starting the op's resources; all of it is computing where nothing else is known."""
    wall_s, cpu_s = profile.resource_init_s, profile.resource_init_cpu_s
    cpu_s = wall_s if cpu_s is None else min(cpu_s, wall_s)
    return ExtraCost(cpu_s=cpu_s, wait_s=wall_s - cpu_s)


def _stage(profile: OpProfile, order: Sequence[int]) -> Stage:
    first = _extra(profile.first_calls, profile.later_calls)
    preloaded = _extra(profile.preloaded_first_calls, profile.later_calls)
    if not profile.preloaded_first_calls or preloaded.wall_s > first.wall_s:
        preloaded = first
    calls = _as_later(profile, first, preloaded)
    everything = [sample for samples in calls.values() for sample in samples]

    taken = np.array([item not in profile.skipped for item in order])

    def mean(item: int, name: str) -> float:
        if item in profile.skipped:
            return 0.0
        return fmean(getattr(sample, name) for sample in calls.get(item, everything))

    def column(name: str) -> FloatArray:
        return np.array([mean(item, name) for item in order], dtype=float)

    return Stage(
        wall_s=column("wall_s"),
        cpu_s=column("cpu_s"),
        load_s=column("load_s"),
        store_s=column("store_s"),
        first=first,
        preloaded=preloaded,
        resources=_resources(profile),
        held_s=None if any(s.loop_s is None for s in everything) else column("loop_s"),
        io_wait_share=_io_wait_share(everything),
        taken=None if taken.all() else taken,
        events=_events(everything),
    )


def _io_wait_share(samples: Sequence[ItemSample]) -> float:
    moved_s = sum(sample.load_s + sample.store_s for sample in samples)
    return min(1.0, sum(sample.io_wait_s for sample in samples) / moved_s) if moved_s > 0 else 0.0


def items_of(profile: WorkloadProfile, count: int | None = None) -> Items:
    """The items of a measured workload.

    Args:
        profile: What was measured.
        count: How many items to advise for; the profile's own number by default.
    """
    count = profile.items if count is None else count
    every = [sample for op in profile.ops for sample in op.calls]
    order = sorted({sample.item for sample in every})
    per_output = (profile.fan_out_s or 0.0) / max(1, profile.fan_out_items)
    last = profile.ops[-1]
    return Items(
        count=count,
        samples=len(order),
        exact=len(order) == count and order == list(range(count)),
        stages=tuple(_stage(op, order) for op in profile.ops),
        fan_out_s=per_output * count,
        upstream_s=profile.upstream_s,
        collect_s=profile.collect_s or 0.0,  # how it grows with the items is not known
        peak_rss_bytes=max((sample.peak_rss_bytes for sample in every), default=0),
        base_rss_bytes=max((op.base_rss_bytes for op in profile.ops), default=0),
        grown_rss_bytes=max(
            (s.grown_rss_bytes for op in profile.ops for s in op.later_calls), default=0
        ),
        forked_rss_bytes=max((op.forked_rss_bytes for op in profile.ops), default=0),
        first_touch_byte_s=profile.first_touch_byte_s,
        input_bytes=_mean_bytes(profile.ops[0], "input_bytes"),
        output_bytes=_mean_bytes(last, "output_bytes"),
        measured_cpu_s=sum(sample.cpu_s for sample in every),
        numbers=tuple(order),
        between_bytes=max((_mean_bytes(op, "output_bytes") for op in profile.ops[:-1]), default=0),
    )


def _events(calls: Sequence[ItemSample]) -> float:
    return fmean(c.events + (ASSET_EVENT - 1.0) * c.asset_events for c in calls) if calls else 0.0


def _mean_bytes(profile: OpProfile, name: str) -> int:
    calls = profile.calls
    return round(fmean(getattr(sample, name) for sample in calls)) if calls else 0


def reference_order(items: Items, length: int) -> NDArray[np.intp]:
    """Sample indices that stand for the first ``length`` items (shape: length).

    The items themselves where all were measured; otherwise whole shuffled rounds of the samples,
    so that any stretch has close to the samples' mean.
    """
    if items.exact or items.samples == 1:
        return np.asarray(np.arange(length) % items.samples, dtype=np.intp)
    rng = np.random.default_rng(12345)
    rounds = -(-length // items.samples)
    order = [rng.permutation(items.samples) for _ in range(rounds)]
    return np.asarray(np.concatenate(order)[:length], dtype=np.intp)


def drawn_orders(items: Items, length: int, draws: int) -> NDArray[np.intp]:
    """Resampled items, common to all candidates (shape: draws x length).

    A Bayesian bootstrap (Rubin 1981): each draw weights the samples by a Dirichlet(1) vector, so
    few samples give wide intervals. Where every item was measured, the items are as they are.
    """
    if items.exact:
        return np.tile(reference_order(items, length), (draws, 1))
    rng = np.random.default_rng(67890)
    weights = rng.dirichlet(np.ones(items.samples), size=draws)
    uniform = rng.random((draws, length))
    cumulative = np.cumsum(weights, axis=1)
    rows = [np.searchsorted(cumulative[d], uniform[d]) for d in range(draws)]
    return np.asarray(np.minimum(np.array(rows), items.samples - 1), dtype=np.intp)
