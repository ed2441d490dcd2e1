"""How much items slow each other when several run at once, from the concurrency probes.

Taking turns at the interpreter's lock, or at the cores, is a mechanism and is simulated; the probes
tell which of the two it is for threads, and what items slow each other beyond it. That is one
number a kind of worker: the **serial demand**, the part of an item that only one worker can do at
a time (a database lock, memory bandwidth, a remote that throttles). From it, exact mean-value
analysis of a closed network with one queueing station and a delay (Reiser & Lavenberg 1980) gives
the service time with any number of workers, so that probes at 2 and 4 speak for 16 as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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


@lru_cache(maxsize=4096)
def service_time_s(workers: int, alone_s: float, serial_s: float) -> float:
    """Mean seconds of an item with ``workers`` at once, of which ``serial_s`` is serial."""
    delay = max(0.0, alone_s - serial_s)
    queue = 0.0
    response = serial_s
    for n in range(1, workers + 1):
        response = serial_s * (1.0 + queue)
        queue = n * response / (delay + response) if delay + response > 0 else 0.0
    return delay + response


@dataclass(frozen=True, slots=True)
class Contention:
    """Serial demands of one item, and for which kinds of worker it may be used at all.

    Attributes:
        alone_s: A typical item's wall seconds alone.
        cpu_s: Its CPU seconds.
        thread_serial_s: Serial demand among threads of one process, beyond taking turns.
        process_serial_s: The same among processes.
        thread_failed: Why threads cannot be used; None where they can.
        process_failed: The same for processes.
        thread_points, process_points: Probed workers and slowdown beyond taking turns, fewest
            workers first.
        gives_up_lock: Whether threads compute without Python's lock, and take turns at the cores.
    """

    alone_s: float
    thread_serial_s: float
    process_serial_s: float
    thread_failed: str | None = None
    process_failed: str | None = None
    cpu_s: float = 0.0
    thread_points: Points = ()
    process_points: Points = ()
    gives_up_lock: bool = False

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
        locked = kind == "thread" and not self.gives_up_lock
        return 1.0 if locked else _items_on(cores, self.alone_s, self.cpu_s)

    def slowdown(self, kind: WorkerKind, workers: int, cores: float) -> float:
        """An item's seconds among ``workers`` at once, over its seconds alone."""
        at_once = self.takes_turns_at(kind, cores)
        turns = _turns(self.alone_s, self.cpu_s, workers, at_once)
        return turns * self.beyond_turns(kind, workers)

    def beyond_turns(self, kind: WorkerKind, workers: int) -> float:
        """The factor by which ``workers`` at once slow each other besides taking turns.

        Between the probes it is interpolated (a remote that serves eight at a time slows nobody
        before); beyond the last one it grows as the serial demand says.
        """
        if self.alone_s <= 0 or workers <= 1:
            return 1.0
        points = self.thread_points if kind == "thread" else self.process_points
        if not points:
            return 1.0
        counts, seen = zip(*((1, 1.0), *points), strict=True)
        within = float(np.interp(np.log(workers), np.log(counts), np.maximum.accumulate(seen)))
        last = counts[-1]
        if workers <= last:
            return within
        return within * self._by_demand(kind, workers) / self._by_demand(kind, last)

    def _by_demand(self, kind: WorkerKind, workers: int) -> float:
        serial = self.thread_serial_s if kind == "thread" else self.process_serial_s
        if serial <= 0:
            return 1.0
        return service_time_s(workers, self.alone_s, min(serial, self.alone_s)) / self.alone_s

    def among(self, kind: WorkerKind) -> Callable[[int], float]:
        """`beyond_turns` by how many are at work, as the simulators ask for it."""
        return lambda working: self.beyond_turns(kind, working)


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


def _fit_serial_s(alone_s: float, points: Sequence[tuple[int, float]]) -> float:
    """The serial demand whose slowdowns lie closest to ``points`` (workers, slowdown)."""
    if not points or alone_s <= 0:
        return 0.0
    shares = [k / 100 for k in range(101)]

    def error(share: float) -> float:
        serial = share * alone_s
        return sum(
            (service_time_s(workers, alone_s, serial) / alone_s / seen - 1.0) ** 2
            for workers, seen in points
        )

    return min(shares, key=error) * alone_s


@dataclass(frozen=True, slots=True)
class _Turns:
    """What a probe may show where all its items do to each other is to take turns.

    ``in_step`` is the slowdown of items that compute at the same time, ``least`` that of items
    which never do, as far as there is room for them.
    """

    in_step: float
    least: float

    def log_error(self, slowdown: float) -> float:
        """How far outside of the two the logarithm of what was seen lies; 0 between them."""
        seen = max(1.0, slowdown)
        return max(0.0, float(np.log(seen / self.in_step)), float(np.log(self.least / seen)))


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
    found = simulate_loop(works, max_concurrent=len(works), at_once=at_once)
    busy_s = sum(work.before_s + work.after_s for chain in works for work in chain)
    in_step = max(1.0, sum(found.ended_s) / wall_s)
    return _Turns(in_step, min(in_step, max(1.0, probe.workers * busy_s / wall_s / at_once)))


def _beyond(
    probes: Sequence[ConcurrencyProbe], explained: Sequence[_Turns], waiting: float
) -> Points:
    """Slowdowns beyond what is explained, moved by their noise towards none.

    Soft thresholding (Donoho & Johnstone 1994): what is within the noise is taken as explained.
    The noise is of computing: the share of an item's seconds in the probe that is no waiting,
    ``waiting`` being the waiting's share of its seconds alone.
    """
    points = []
    for probe, turns in zip(probes, explained, strict=True):
        error = float(np.log(max(1.0, probe.slowdown) / turns.in_step))
        sd = PROBE_SD * (1.0 - waiting / turns.in_step)
        points.append((probe.workers, float(np.exp(max(0.0, error - sd)))))
    return tuple(sorted(points))


def fit_contention(
    probes: Sequence[ConcurrencyProbe],
    *,
    alone_s: float,
    cpu_s: float,
    cores: float,
    calls: Mapping[int, tuple[float, float]] = MappingProxyType({}),
) -> Contention:
    """Serial demands from the probes of a workload.

    Args:
        probes: As measured, on a machine with ``cores``.
        alone_s: A typical item's wall seconds alone (the median: the probes run few items).
        cpu_s: Its CPU seconds.
        cores: Effective cores of the machine that was probed.
        calls: Item to its wall and CPU seconds alone; one that is not in it is taken as typical.

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

    def failure(kind: WorkerKind, known: Sequence[ConcurrencyProbe]) -> str | None:
        reasons = [p.failed for p in probes if p.worker_kind == kind and p.failed is not None]
        return reasons[0] if reasons and not known else None

    busy = min(1.0, cpu_s / max(alone_s, 1e-9))
    shared_cores = _items_on(cores, alone_s, cpu_s)
    lock, no_lock = explained(threads, 1.0), explained(threads, shared_cores)
    # Python's lock is the rule; that an item gives it up must show beyond the noise.
    gives_up_lock = distance(lock) > distance(no_lock) + max(PROBE_SD * busy, LOCK_SD) ** 2
    thread_points = _beyond(threads, no_lock if gives_up_lock else lock, 1.0 - busy)
    process_points = _beyond(processes, explained(processes, shared_cores), 1.0 - busy)
    return Contention(
        alone_s=alone_s,
        thread_serial_s=_fit_serial_s(alone_s, thread_points),
        process_serial_s=_fit_serial_s(alone_s, process_points),
        thread_failed=failure("thread", threads),
        process_failed=failure("process", processes),
        cpu_s=cpu_s,
        thread_points=thread_points,
        process_points=process_points,
        gives_up_lock=gives_up_lock,
    )
