"""How much items slow each other when several run in parallel, from the concurrency probes.

Taking turns at the interpreter's lock, or at the cores, is a mechanism and is simulated; the probes
tell which of the two it is for threads, and what items slow each other beyond it: memory bandwidth,
a database's lock, a remote that throttles. Where processes show it as threads do, or were not
probed as far, its cause is taken to lie outside of the process: then it counts for the items at
work in all processes together.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from advisor.domain.workload import ConcurrencyProbe, WorkerKind
from advisor.model.event_loop import simulate_loop, taking_turns

Points = tuple[tuple[int, float], ...]
"""Workers and slowdown, fewest workers first."""

PROBE_SD = 0.2
"""Noise of a probe of computing items: a second at once, beside two alone, on a machine that others
share (the log standard deviation of like seconds of one loop there was 0.17)."""

LOCK_SD = 0.06
"""What a probe of items that mostly wait must differ by before it tells that Python's lock is given
up: its few items may not be typical, and the queue's waits are means."""

LOCK_SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Looked at beside 1; where the cores are busy before the lock is, it cannot be told from none."""

CALLS_SDS = 2.0
"""Standard errors, by how the calls of a probe differ, that are no contention."""

IN_PROCESS = 1.15
"""Times as slow as among processes, from which threads slow each other in their process alone."""


@dataclass(frozen=True, slots=True)
class Contention:
    """How items of a workload slow each other.

    Attributes:
        alone_s: A typical item's wall seconds alone.
        thread_points, process_points: Probed workers and slowdown beyond taking turns, fewest
            workers first.
        lock_share: Of an item's computing, what holds Python's lock: threads take turns at that,
            and at the cores.
    """

    alone_s: float
    cpu_s: float = 0.0
    thread_points: Points = ()
    process_points: Points = ()
    lock_share: float = 1.0

    @property
    def probed(self) -> tuple[WorkerKind, ...]:
        """Kinds of worker that were really probed; the others are assumed."""
        kinds: tuple[tuple[WorkerKind, Points], ...] = (
            ("thread", self.thread_points),
            ("process", self.process_points),
        )
        return tuple(kind for kind, points in kinds if points)

    def takes_turns_at(self, kind: WorkerKind, cores: float) -> float:
        """How many items can compute at full speed beside each other among workers of a kind."""
        on_cores = _items_on(cores, self.alone_s, self.cpu_s)
        lock_share = self.lock_share if kind == "thread" else 0.0
        return on_cores if lock_share * on_cores <= 1.0 else 1.0 / lock_share

    def slowdown(self, kind: WorkerKind, workers: int, cores: float) -> float:
        """An item's seconds among ``workers`` at once, over its seconds alone."""
        at_once = self.takes_turns_at(kind, cores)
        turns = _turns(self.alone_s, self.cpu_s, workers, at_once)
        return turns * self.beyond_turns(kind, workers)

    def beyond_turns(self, kind: WorkerKind, workers: int) -> float:
        """The factor by which ``workers`` of one step slow each other besides taking turns."""
        return (
            self._outside(workers) if kind == "process" else _between(self.thread_points, workers)
        )

    def _outside(self, items: int) -> float:
        """How items at work in any process slow each other, however they are spread."""
        points, last = self.process_points, max((1, *(n for n, _ in self.process_points)))
        if _between(self.thread_points, last) > IN_PROCESS * _between(points, last):
            return _between(points, items)
        further = tuple((n, slowed) for n, slowed in self.thread_points if n > last)
        return _between(points + further, items)

    def among_steps(self, workers: int) -> Callable[[int], float]:
        """How steps of so many workers slow each other, by how many steps are at work."""
        alone = self._outside(workers)
        return lambda working: self._outside(workers * working) / alone


def _between(points: Points, workers: int) -> float:
    """The slowdown among ``workers``: between the probes, and beyond them as it grew last.

    Between them it is interpolated: a remote that serves eight in parallel slows nobody before.
    Beyond the last one nothing is known; ways that go there are not advised.
    """
    if not points or workers <= 1:
        return 1.0
    counts, slowdowns = zip(*((1, 1.0), *points), strict=True)
    logs, slowed = np.log(counts), np.log(np.maximum.accumulate(slowdowns))
    if workers <= counts[-1]:
        return float(np.exp(np.interp(np.log(workers), logs, slowed)))
    slope = min(1.0, float((slowed[-1] - slowed[-2]) / (logs[-1] - logs[-2])))
    return float(np.exp(slowed[-1]) * (workers / counts[-1]) ** slope)


def _items_on(cores: float, alone_s: float, cpu_s: float) -> float:
    """Items that the cores are enough for: those that compute on several by themselves are few."""
    return max(1.0, cores / max(1.0, cpu_s / max(alone_s, 1e-9)))


def _turns(alone_s: float, cpu_s: float, workers: int, at_once: float) -> float:
    """An item's seconds where like ones that began together take turns, over its seconds alone.

    They wait at the same time, and so compute at the same time: like items stay in step.
    """
    if alone_s <= 0:
        return 1.0
    busy_s = min(alone_s, cpu_s)
    return (alone_s - busy_s + busy_s * max(1.0, workers / at_once)) / alone_s


@dataclass(frozen=True, slots=True)
class _Turns:
    """What a probe may show where all its items do to each other is to take turns.

    ``in_step`` is the slowdown of items that compute at the same time, ``least`` that of items
    which never do, as far as there is room for them; ``makespan`` is as `ConcurrencyProbe` has it.
    """

    in_step: float
    least: float
    makespan: float = 1.0

    def log_error(self, slowdown: float) -> float:
        """How far outside of the two the logarithm of what was seen lies; 0 between them."""
        factor = max(1.0, slowdown)
        return max(0.0, float(np.log(factor / self.in_step)), float(np.log(self.least / factor)))


def _turns_of(
    probe: ConcurrencyProbe,
    typical: tuple[float, float],
    calls: Mapping[int, tuple[float, float]],
    at_once: float,
) -> _Turns:
    """Of a probe's own items; of as many typical ones where those are not known."""
    lists = tuple(filter(None, probe.items)) or ((-1,),) * probe.workers
    chains = [[calls.get(item, typical) for item in each] for each in lists]
    wall_s = sum(wall_s for chain in chains for wall_s, _ in chain)
    if wall_s <= 0:
        return _Turns(1.0, 1.0)
    works = [[taking_turns(*call) for call in chain] for chain in chains]
    ended_s = simulate_loop(works, max_concurrent=len(works), at_once=at_once)
    busy_s = sum(work.before_s + work.after_s for chain in works for work in chain)
    in_step = max(1.0, sum(ended_s) / wall_s)
    least = min(in_step, max(1.0, probe.workers * busy_s / wall_s / at_once))
    longest_s = max(sum(wall_s for wall_s, _ in chain) for chain in chains)
    return _Turns(in_step, least, max(1.0, max(ended_s) / longest_s))


def _queued(slowed: float, probe: ConcurrencyProbe, turns: _Turns) -> float:
    """The slowdown once a queue is full, of what calls of a probe saw: they found it empty.

    Of n workers that begin together at what serves c at a time, the calls' mean has (n/c + 1) / 2
    in the first round and n/c in each later one. Only what held the probe's end up as well counts:
    where all are slowed alike the two agree, and one straggler slows nobody else.
    """
    rounds = sum(map(len, probe.items)) / probe.workers
    if probe.makespan <= 0 or rounds < 1:
        return slowed
    full = (rounds * slowed - 0.5) / (rounds - 0.5)
    return max(slowed, min(full, probe.makespan / turns.makespan))


def _beyond(
    probes: Sequence[ConcurrencyProbe], explained: Sequence[_Turns], waiting: float, spread: float
) -> Points:
    """Slowdowns beyond what is explained, moved by their noise towards none.

    Soft thresholding (Donoho & Johnstone 1994): what is within the noise is taken as explained.
    The noise is of computing: the share of an item's seconds in the probe that is no waiting,
    ``waiting`` being the waiting's share of its seconds alone; and of calls that differ, no more
    than they do alone (``spread``): in a queue they differ because of each other.
    """
    points = []
    for probe, turns in zip(probes, explained, strict=True):
        error = float(np.log(max(1.0, probe.slowdown) / turns.in_step))
        calls = max(probe.workers, sum(map(len, probe.items)))
        differ = min(probe.error, spread / calls**0.5)
        sd = PROBE_SD * (1.0 - waiting / turns.in_step) + CALLS_SDS * differ
        slowed = float(np.exp(max(0.0, error - sd)))
        points.append((probe.workers, _queued(slowed, probe, turns)))
    points.sort()
    # What fewer workers showed, and more of them did not, is none: contention grows.
    least = np.minimum.accumulate([slowed for _, slowed in reversed(points)] or [1.0])[::-1]
    return tuple((n, float(slowed)) for (n, _), slowed in zip(points, least, strict=False))


def fit_contention(
    probes: Sequence[ConcurrencyProbe],
    *,
    alone_s: float,
    cpu_s: float,
    cores: float,
    calls: Mapping[int, tuple[float, float]] = MappingProxyType({}),
    spread: float = math.inf,
) -> Contention:
    """What the probes of a workload tell of its items in parallel.

    Args:
        probes: As measured, on a machine with ``cores``.
        alone_s: A typical item's wall seconds alone (the median: the probes run few items).
        cores: What the cores of the machine that was probed give together (`capacity_of`).
        calls: Item to its wall and CPU seconds alone; one that is not in it is taken as typical.
        spread: Relative standard deviation of an item's calls alone (`Items.spread`).

    Without a probe, processes are taken as independent, and threads as sharing one interpreter
    lock for all their CPU time.
    """
    good = [probe for probe in probes if probe.failed is None and probe.slowdown > 0]
    threads = [probe for probe in good if probe.worker_kind == "thread"]
    processes = [probe for probe in good if probe.worker_kind == "process"]

    def explained(probed: Sequence[ConcurrencyProbe], at_once: float) -> list[_Turns]:
        return [_turns_of(probe, (alone_s, cpu_s), calls, at_once) for probe in probed]

    def distance(turns: Sequence[_Turns]) -> float:
        pairs = zip(threads, turns, strict=True)
        return sum(each.log_error(probe.slowdown) ** 2 for probe, each in pairs)

    busy = min(1.0, cpu_s / max(alone_s, 1e-9))
    shared_cores = _items_on(cores, alone_s, cpu_s)
    lock_share, turns = 1.0, explained(threads, 1.0)
    # Python's lock is the rule; that an item gives it up must show beyond the noise.
    noise = max(PROBE_SD * busy, LOCK_SD) ** 2
    if (by_lock := distance(turns)) > noise:
        by_share = {
            share: explained(threads, 1.0 / share if share else shared_cores)
            for share in LOCK_SHARES
            if not share or share * shared_cores > 1.0
        }
        best = min(by_share, key=lambda share: (distance(by_share[share]), -share))
        if by_lock > distance(by_share[best]) + noise:
            lock_share, turns = best, by_share[best]
    thread_points = _beyond(threads, turns, 1.0 - busy, spread)
    process_points = _beyond(processes, explained(processes, shared_cores), 1.0 - busy, spread)
    return Contention(
        alone_s=alone_s,
        cpu_s=cpu_s,
        thread_points=thread_points,
        process_points=process_points,
        lock_share=lock_share,
    )
