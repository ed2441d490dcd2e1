"""How processes that compute in parallel slow each other on this host."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from advisor.domain.host import CpuScaling

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

_SCALING_TURNS, _SCALING_TURN_S = 30, 0.02


def _burn(iterations: int) -> float:
    """A fixed piece of plain Python work; its wall seconds."""
    begun = time.perf_counter()
    total = 0
    for value in range(iterations):
        total += value * value % 7
    assert total >= 0
    return time.perf_counter() - begun


def _take_turns(place: int, iterations: int, barrier: Barrier, ratios: Queue[float]) -> None:
    """Work with all others, then see the first one work alone, again and again."""
    _burn(iterations)
    logs = []
    for _ in range(_SCALING_TURNS):
        barrier.wait()
        together_s = _burn(iterations)
        barrier.wait()
        if place == 0:
            logs.append(math.log(together_s / _burn(iterations)))
    if place == 0:
        ratios.put(math.exp(sum(logs) / len(logs)))


def measure_cpu_scaling(counts: tuple[int, ...]) -> tuple[CpuScaling, ...]:
    """Slowdown of CPU-bound processes at once: together and alone in turns of a few hundredths.

    The turns are shorter than the spells in which a neighbour on the same core slows everything,
    so that these cancel. Called in a fresh process (it forks before anything starts a thread).
    """
    import multiprocessing

    context = multiprocessing.get_context("fork")
    iterations = round(1_000_000 * _SCALING_TURN_S / max(_burn(1_000_000), 1e-6))
    scalings = []
    for workers in counts:
        barrier, queue = context.Barrier(workers), context.Queue()
        processes = [
            context.Process(target=_take_turns, args=(place, iterations, barrier, queue))
            for place in range(workers)
        ]
        for process in processes:
            process.start()
        scalings.append(CpuScaling(workers, queue.get(timeout=60)))
        for process in processes:
            process.join()
    return tuple(scalings)
