"""How much items slow each other when several run at once, from the concurrency probes.

One number a kind of worker: the **serial demand**, the part of an item that only one worker can
do at a time (the interpreter lock, a database lock, memory bandwidth, a remote that throttles).
From it, exact mean-value analysis of a closed network with one queueing station and a delay
(Reiser & Lavenberg 1980) gives the service time with any number of workers, so that probes at 2
and 4 speak for 16 as well. CPU sharing among processes is not in it: the timeline does that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from advisor.domain.workload import ConcurrencyProbe, WorkerKind
from advisor.model.items import FloatArray

PROBE_SD = 0.12
"""Noise of a probe of computing items: a second or two on a machine that others share (the log
standard deviation of like seconds of one loop there was 0.17, and 0.06 of like ten seconds)."""

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
        thread_serial_s: Serial demand among threads of one process.
        process_serial_s: Serial demand among processes, beyond sharing the cores.
        thread_failed: Why threads cannot be used; None where they can.
        process_failed: The same for processes.
        thread_points, process_points: Probed workers and slowdown, fewest workers first; for
            processes beyond sharing the cores.
    """

    alone_s: float
    thread_serial_s: float
    process_serial_s: float
    thread_failed: str | None = None
    process_failed: str | None = None
    cpu_s: float = 0.0
    thread_points: tuple[tuple[int, float], ...] = ()
    process_points: tuple[tuple[int, float], ...] = ()

    @property
    def probed(self) -> tuple[WorkerKind, ...]:
        """Kinds of worker that were really probed; the others are assumed."""
        kinds: tuple[tuple[WorkerKind, tuple[tuple[int, float], ...]], ...] = (
            ("thread", self.thread_points),
            ("process", self.process_points),
        )
        return tuple(kind for kind, points in kinds if points)

    def slowdown(self, kind: WorkerKind, workers: int) -> float:
        """An item's seconds among ``workers`` at once, over its seconds alone.

        Between the probes it is interpolated (a remote that serves eight at a time slows nobody
        before); beyond the last one it grows as the serial demand says.
        """
        if self.alone_s <= 0 or workers <= 1:
            return 1.0
        points = self.thread_points if kind == "thread" else self.process_points
        if not points:
            return self._by_demand(kind, workers)
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

    def serial_s(self, kind: WorkerKind, wall_s: FloatArray, cpu_s: FloatArray) -> FloatArray:
        """What each item keeps to itself, however many workers there are (shape as given).

        A serial demand within the typical item's CPU is taken as the interpreter lock: it is the
        same share of every item's CPU. A larger one is a lock or a remote: a share of its wall.
        """
        serial = self.thread_serial_s if kind == "thread" else self.process_serial_s
        if self.alone_s <= 0 or serial <= 0:
            return np.zeros_like(wall_s)
        if serial <= 1.2 * self.cpu_s:
            return np.asarray(cpu_s * min(1.0, serial / self.cpu_s))
        return np.asarray(wall_s * min(1.0, serial / self.alone_s))

    def stretch(self) -> Callable[[int], float]:
        """The slowdown among steps that work at once, as the timeline asks for it."""
        return lambda working: self.slowdown("process", working)

    def on_loop(self) -> Callable[[int], float]:
        """The slowdown of what items await on one event loop, by how many are awaited at once.

        What threads show beyond taking turns at the interpreter: a lock or a remote.
        """

        def factor(waiting: int) -> float:
            if self.alone_s <= 0:
                return 1.0
            turns = service_time_s(waiting, self.alone_s, min(self.cpu_s, self.alone_s))
            return max(1.0, self.slowdown("thread", waiting) * self.alone_s / turns)

        return factor


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


def _log_errors(
    points: Sequence[tuple[int, float]], explain: Callable[[int], float]
) -> list[float]:
    return [float(np.log(seen / explain(workers))) for workers, seen in points]


def _without_noise(
    points: Sequence[tuple[int, float]], explain: Callable[[int], float], sd: float
) -> list[tuple[int, float]]:
    """Points moved by ``sd`` (of the logarithm) towards what explains them, and not beyond.

    Soft thresholding (Donoho & Johnstone 1994): what is within the noise is taken as explained.
    """
    return [
        (workers, explain(workers) * float(np.exp(np.sign(rest) * max(0.0, abs(rest) - sd))))
        for (workers, _), rest in zip(points, _log_errors(points, explain), strict=True)
    ]


def fit_contention(
    probes: Sequence[ConcurrencyProbe],
    *,
    alone_s: float,
    cpu_s: float,
    cores: float,
) -> Contention:
    """Serial demands from the probes of a workload.

    Args:
        probes: As measured, on a machine with ``cores``.
        alone_s: A typical item's wall seconds alone (the median: the probes run few items).
        cpu_s: Its CPU seconds.
        cores: Effective cores of the machine that was probed.

    Without a probe, processes are taken as independent, and threads as sharing one interpreter
    lock for all their CPU time.
    """
    good = [probe for probe in probes if probe.failed is None and probe.slowdown > 0]
    share = cpu_s / max(alone_s, 1e-9)

    def shared_cores(workers: int) -> float:
        return max(1.0, workers * share / cores)

    def one_lock(workers: int) -> float:
        return service_time_s(workers, alone_s, min(cpu_s, alone_s)) / max(alone_s, 1e-9)

    def points(kind: WorkerKind) -> list[tuple[int, float]]:
        return [(p.workers, max(1.0, p.slowdown)) for p in good if p.worker_kind == kind]

    def failure(kind: WorkerKind) -> str | None:
        reasons = [p.failed for p in probes if p.worker_kind == kind and p.failed is not None]
        return reasons[0] if reasons and not points(kind) else None

    sd = PROBE_SD * min(1.0, share)
    threads = points("thread")
    squares = [sum(e * e for e in _log_errors(threads, x)) for x in (one_lock, shared_cores)]
    # Python's lock is the rule; that an item gives it up must show beyond the noise.
    locked = squares[0] <= squares[1] + max(sd, LOCK_SD) ** 2
    threads = _without_noise(threads, one_lock if locked else shared_cores, sd)
    thread_serial_s = _fit_serial_s(alone_s, threads)
    if locked:
        thread_serial_s = max(thread_serial_s, min(cpu_s, alone_s))
    shared = [
        (workers, max(1.0, slowdown / shared_cores(workers)))
        for workers, slowdown in _without_noise(points("process"), shared_cores, sd)
    ]
    return Contention(
        alone_s=alone_s,
        thread_serial_s=thread_serial_s,
        process_serial_s=_fit_serial_s(alone_s, shared),
        thread_failed=failure("thread"),
        process_failed=failure("process"),
        cpu_s=cpu_s,
        thread_points=tuple(sorted(threads)),
        process_points=tuple(sorted(shared)),
    )
