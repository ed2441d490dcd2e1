"""The measured items as numbers to draw from: service times by stage and by kind of call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np

from advisor.domain.item_sample import ItemSample
from advisor.domain.options import checked_count
from advisor.domain.workload import OpProfile, WorkloadProfile
from advisor.model.first_touches import as_in_production
from advisor.model.stage import ExtraCost, FloatArray, Stage
from advisor.model.transfers import Transfer, copies_of, refusal_of, transfer_of

ASSET_EVENT = 2.6
"""Recording a materialization or an observation over recording a log line, in CPU seconds.

It writes the asset's own tables too: 9.3 and 3.6 ms on SQLite, Dagster 1.13, 400 events of each.
"""
MOST_CALLS = 20
"""Calls of an item that are drawn from."""
FEWEST_REPEATS, STEADY, ALIKE = 4, 0.1, 0.5
"""Items are alike where so many repeated calls or more, whose seconds differ by this share of their
mean at least, hold so much of the variance of all calls."""
NOT_TAKEN = ItemSample(-1, None, 0.0, 0.0, 0, 0, 0, loop_s=0.0)
"""The call of an op that an item skips."""


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


@dataclass(frozen=True, slots=True)
class Items:
    """The workload's items: ``count`` of them, ``samples`` measured.

    Arrays hold ``calls_each`` calls of each measured item, one item after another, so that means
    over them are means over items. Where calls of one item differ as much as those of different
    items do, items are alike: each call then stands for itself, at no place.

    Attributes:
        places: Where in the list the measured items are, ascending, from 0 to 1; empty: unknown.
        sample_numbers: Those of the ``count`` items that were measured; empty where the list to
            advise for is another one. ``exact`` is True where these are all of them.
        measured_cpu_s: CPU of all measured calls: what the items' own CPU is known from.
        between_bytes: The largest of the results that an op of the chain hands to the next.
        yielded, collected: What the fan-out hands on and what the last op gives, through the job's
            IO manager; None: not measured.
        copies: Of a value that are there beside it while it is stored, and while it is loaded.
        unstorable: Why no value of a batch can be stored.
        spread: Relative standard deviation of the calls of one item; infinite where so few were
            repeated that it is not known.
    """

    count: int
    samples: int
    stages: tuple[Stage, ...]
    calls_each: int = 1
    places: tuple[float, ...] = ()
    sample_numbers: tuple[int, ...] = ()
    calls: Mapping[int, tuple[float, float]] = field(default_factory=dict)
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
    yielded: Transfer | None = None
    collected: Transfer | None = None
    copies: tuple[float, float] = (1.0, 1.0)
    unstorable: str | None = None
    spread: float = math.inf

    @property
    def exact(self) -> bool:
        """Whether every item was measured."""
        return len(self.sample_numbers) == self.count

    @property
    def wall_s(self) -> FloatArray:
        """An item's whole chain, one after another (shape: calls)."""
        return np.asarray(np.sum([stage.wall_s for stage in self.stages], axis=0))

    @property
    def cpu_s(self) -> FloatArray:
        """CPU of an item's whole chain (shape: calls)."""
        return np.asarray(np.sum([stage.cpu_s for stage in self.stages], axis=0))

    @property
    def events(self) -> float:
        """Events that an item has Dagster record on average, beside every step's own."""
        return sum(stage.events * stage.share for stage in self.stages)

    @property
    def messages(self) -> float:
        """Of them, those of which a step's process tells its parent."""
        return sum(stage.messages * stage.share for stage in self.stages)

    @property
    def hooks(self) -> ExtraCost:
        """What the hooks of a whole chain take, on average over the items."""
        shares = [(stage.hooks, stage.share) for stage in self.stages]
        cpu_s, wait_s = (
            sum(getattr(hooks, name) * share for hooks, share in shares)
            for name in ("cpu_s", "wait_s")
        )
        return ExtraCost(cpu_s, wait_s)

    @property
    def mean_wall_s(self) -> FloatArray:
        """Of each measured item (of each call, where items are alike), in the list's order."""
        return np.asarray(self.wall_s.reshape(-1, self.calls_each).mean(axis=1))

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
    by_item = _by_item(later)
    overall = list(later)
    cpu, wall = [], []
    for sample in first:
        peers = by_item.get(sample.item, overall)
        cpu.append(sample.cpu_s - fmean(peer.cpu_s for peer in peers))
        wall.append(sample.wall_s - fmean(peer.wall_s for peer in peers))
    extra_wall = max(0.0, fmean(wall))
    extra_cpu = min(max(0.0, fmean(cpu)), extra_wall)
    return ExtraCost(cpu_s=extra_cpu, wait_s=extra_wall - extra_cpu)


def _as_later(
    profile: OpProfile, first: ExtraCost, preloaded: ExtraCost
) -> dict[int, list[ItemSample]]:
    """Each item's later calls; where it has none, its first calls less their extra."""
    calls = _by_item(profile.later_calls)
    others = [call.longer(-first.wall_s, -first.cpu_s) for call in profile.first_calls]
    others += [
        call.longer(-preloaded.wall_s, -preloaded.cpu_s) for call in profile.preloaded_first_calls
    ]
    return {**_by_item(others), **calls}


def _resources(profile: OpProfile) -> ExtraCost:
    """Starting the op's resources; all of it is computing where nothing else is known."""
    wall_s, cpu_s = profile.resource_init_s, profile.resource_init_cpu_s
    cpu_s = wall_s if cpu_s is None else min(cpu_s, wall_s)
    return ExtraCost(cpu_s=cpu_s, wait_s=wall_s - cpu_s)


def _first_extras(profile: OpProfile) -> tuple[ExtraCost, ExtraCost]:
    """What first calls cost beyond later ones, and first calls after a preload."""
    first = _extra(profile.first_calls, profile.later_calls)
    preloaded = _extra(profile.preloaded_first_calls, profile.later_calls)
    if not profile.preloaded_first_calls or preloaded.wall_s > first.wall_s:
        preloaded = first
    return first, preloaded


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of the whole chain by item: one list of calls an op, alike in length."""

    by_item: Mapping[int, tuple[tuple[ItemSample, ...], ...]]

    def walls_s(self) -> list[FloatArray]:
        """Seconds of each call of the chain, one array an item."""
        return [
            np.sum([[call.wall_s for call in op] for op in ops], axis=0)
            for ops in self.by_item.values()
        ]

    def spread(self) -> float:
        """Relative standard deviation of the calls of one item; infinite where it is not known."""
        walls = self.walls_s()
        repeats = sum(len(each) - 1 for each in walls)
        if repeats < FEWEST_REPEATS:
            return math.inf
        relative = [each / max(float(each.mean()), 1e-9) for each in walls]
        return math.sqrt(sum(float(((each - 1.0) ** 2).sum()) for each in relative) / repeats)

    def are_alike(self) -> bool:
        """Whether calls of one item differ as much as those of different items do."""
        walls = self.walls_s()
        repeats = sum(len(each) - 1 for each in walls)
        every = np.concatenate(walls)
        if len(walls) < 2 or repeats < FEWEST_REPEATS:
            return False
        if float(every.std()) < STEADY * float(every.mean()):
            return False
        within = sum(float(((each - each.mean()) ** 2).sum()) for each in walls) / repeats
        return within > ALIKE * float(every.var(ddof=1))

    def apart(self) -> _Calls:
        """Each call as an item of its own."""
        single = [
            tuple((op[turn],) for op in ops)
            for ops in self.by_item.values()
            for turn in range(len(ops[0]))
        ]
        return _Calls(dict(enumerate(single)))

    def columns(self, op: int, name: str, calls_each: int) -> FloatArray:
        """A figure of an op, ``calls_each`` times an item, with the item's own mean."""
        rows = []
        for ops in self.by_item.values():
            figures = np.array([getattr(call, name) for call in ops[op]], dtype=float)
            row = figures[np.arange(calls_each) * len(figures) // calls_each]
            rows.append(row * (figures.mean() / row.mean()) if row.mean() > 0 else row)
        return np.concatenate(rows)


def _calls_of(profile: WorkloadProfile, order: Sequence[int]) -> _Calls:
    by_op = [_as_later(op, *_first_extras(op)) for op in profile.ops]
    every = [[call for calls in op.values() for call in calls] for op in by_op]
    by_item = {}
    for item in order:
        takes_op = [item not in op.skipped for op in profile.ops]
        ops = [op.get(item) or all_calls for op, all_calls in zip(by_op, every, strict=True)]
        length = min((len(calls) for calls, takes in zip(ops, takes_op, strict=True) if takes))
        by_item[item] = tuple(
            tuple(calls[:length]) if takes else (NOT_TAKEN,) * length
            for calls, takes in zip(ops, takes_op, strict=True)
        )
    return _Calls(by_item)


def _stage(profile: OpProfile, op: int, calls: _Calls, calls_each: int) -> Stage:
    first, preloaded = _first_extras(profile)

    def column(name: str) -> FloatArray:
        return calls.columns(op, name, calls_each)

    takers = np.array([ops[op][0] is not NOT_TAKEN for ops in calls.by_item.values()])
    every = [call for ops in calls.by_item.values() for call in ops[op] if call is not NOT_TAKEN]
    return Stage(
        wall_s=column("wall_s"),
        cpu_s=column("cpu_s"),
        load_s=column("load_s"),
        store_s=column("store_s"),
        first=first,
        preloaded=preloaded,
        resources=_resources(profile),
        hooks=ExtraCost(*hook_seconds(every)),
        held_s=None if any(call.loop_s is None for call in every) else column("loop_s"),
        io_wait_share=io_wait_share(every),
        takers=None if takers.all() else np.repeat(takers, calls_each),
        events=mean_events(every),
        messages=fmean(c.events - c.log_events for c in every) if every else 0.0,
    )


def items_of(profile: WorkloadProfile, count: int | None = None) -> Items:
    """The items of a measured workload.

    Args:
        count: How many items to advise for; the profile's own number by default.

    Raises:
        ConfigurationError: There are none, or too many for one run.
    """
    count = checked_count(profile.items if count is None else count)
    profile = replace(profile, ops=tuple(as_in_production(op) for op in profile.ops))
    every = [sample for op in profile.ops for sample in op.calls]
    order = sorted({sample.item for sample in every})
    calls = _calls_of(profile, order)
    means = {item: mean_seconds(ops) for item, ops in calls.by_item.items()}
    alike, spread = calls.are_alike(), calls.spread()
    if alike:
        calls = calls.apart()
    calls_each = min(MOST_CALLS, max(len(ops[0]) for ops in calls.by_item.values()))
    # Without a fan-out, fewer inputs than items are examples, at no place of the list.
    length = profile.fan_out_items or (count if len(order) == count else 0)
    placed = not alike and length > order[-1]
    per_output = (profile.fan_out_s or 0.0) / max(1, profile.fan_out_items)
    last = profile.ops[-1]
    return Items(
        count=count,
        samples=len(order),
        stages=tuple(_stage(op, k, calls, calls_each) for k, op in enumerate(profile.ops)),
        calls_each=calls_each,
        places=tuple((item + 0.5) / length for item in order) if placed else (),
        sample_numbers=tuple(order) if placed and length == count else (),
        calls={} if alike else means,
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
        input_bytes=mean_bytes(profile.ops[0], "input_bytes"),
        output_bytes=mean_bytes(last, "output_bytes"),
        measured_cpu_s=sum(sample.cpu_s for sample in every),
        yielded=transfer_of(profile.yielded),
        collected=transfer_of(profile.collected),
        copies=copies_of((*profile.yielded, *profile.collected)),
        unstorable=refusal_of((*profile.yielded, *profile.collected)),
        spread=spread,
        between_bytes=max((mean_bytes(op, "output_bytes") for op in profile.ops[:-1]), default=0),
    )
