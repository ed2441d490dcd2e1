"""A probe finds the queue for something shared empty; in a run it is full."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from statistics import fmean

import numpy as np
import pytest

from advisor.domain.workload import ConcurrencyProbe
from advisor.measure.workload.concurrency import ratio_error
from advisor.model.contention import Contention, fit_contention


def probe(workers: int, rounds: int, serves: int, calls_s: Iterator[float]) -> ConcurrencyProbe:
    """Workers whose calls (1 s alone) are served so many at a time, first come first served."""
    free_s = [0.0] * serves
    ready = [(0.0, worker) for worker in range(workers)]
    walls_s: list[list[float]] = [[] for _ in ready]
    while ready:
        asked_s, worker = heapq.heappop(ready)
        end_s = max(asked_s, heapq.heappop(free_s)) + next(calls_s)
        heapq.heappush(free_s, end_s)
        walls_s[worker].append(end_s - asked_s)
        if len(walls_s[worker]) < rounds:
            heapq.heappush(ready, (end_s, worker))
    every = [wall_s for each in walls_s for wall_s in each]
    return ConcurrencyProbe(
        "thread",
        workers,
        fmean(every),
        items=(tuple(range(rounds)),) * workers,
        error=ratio_error(every, [1.0] * len(every)),
        makespan=max(map(sum, walls_s)) / rounds,
    )


def contention(rounds: int, serves: int, spread: float = 0.0) -> Contention:
    rng = np.random.default_rng(1)
    calls_s = iter(1.0 + spread * (rng.exponential(1.0, 1000) - 1.0))
    seen = [probe(workers, rounds, serves, calls_s) for workers in (2, 4, 8, 16)]
    return fit_contention(seen, alone_s=1.0, cpu_s=0.0, cores=4, spread=max(spread, 0.01))


@pytest.mark.parametrize("workers", [2, 4, 8, 16])
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("serves", [1, 2, 4])
def test_a_full_queue_is_predicted_from_probes_that_found_it_empty(serves, rounds, workers) -> None:
    found = contention(rounds, serves).slowdown("thread", workers, 4)
    assert found == pytest.approx(max(1.0, workers / serves), rel=0.05)


def test_calls_that_differ_by_themselves_are_no_queue() -> None:
    found = contention(rounds=1, serves=1000, spread=1.0)
    assert found.slowdown("thread", 16, 4) == 1.0


def test_one_straggler_is_no_queue() -> None:
    items = ((0,),) * 20
    walls_s = [0.3] * 19 + [1.3]
    error = ratio_error(walls_s, [0.3] * 20)
    seen = ConcurrencyProbe(
        "thread", 20, fmean(walls_s) / 0.3, items=items, error=error, makespan=1.3 / 0.3
    )
    found = fit_contention([seen], alone_s=0.3, cpu_s=0.0, cores=4, spread=0.01)
    assert found.slowdown("thread", 20, 4) < 1.4
