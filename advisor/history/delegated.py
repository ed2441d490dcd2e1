"""Advice for executors that start a pod, container or task a step, from their own history. Pure.

They cannot be run here, so nothing is calibrated: every phase is resampled from steps that ran.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from advisor.domain.analysis import DelegatedWay
from advisor.domain.cluster import DELEGATING
from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import Interval
from advisor.history.statistics import work_and_overhead_s
from advisor.model.run_overhead import tails_s
from advisor.model.run_statistics import item_count, makespan, mapped_steps, parallelism
from advisor.model.scheduling import list_schedule

DRAWS = 200
MOST_STEPS = 2_000
"""Steps simulated; a longer run is scaled from these."""

TIE = 0.03
"""Ways within this share of the best are near ties: smaller batches come first."""

ON_SHARED_CORES = ("docker", "celery")
"""More steps in parallel than were seen share the cores of the same hosts: not promised to help."""

FEWEST_STEPS = 3
"""Observed steps from which something can be resampled."""

BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def delegated_ways(runs: Sequence[ObservedRun], *, seed: int = 0) -> tuple[DelegatedWay, ...]:
    """Batch sizes and numbers of steps at once for the newest run under such an executor.

    A step takes what a resampled observed step took around its computing, and the computing of
    as many resampled items as are in its batch. A freed slot is taken after a resampled observed
    tail: the executor's poll and its launches. What comes before and after the mapped part is as
    in the newest run.
    """
    delegated = [run for run in runs if run.executor in DELEGATING]
    if not delegated:
        return ()
    newest = max(delegated, key=lambda run: run.started_at_s)
    like = [run for run in delegated if run.executor == newest.executor]
    work, around = work_and_overhead_s([step for run in like for step in mapped_steps(run)])
    if len(work) < FEWEST_STEPS:
        return ()
    tails = [tail for run in like for tail in tails_s(run)] or [0.0]
    items, slots = item_count(newest), parallelism(newest).slots
    ops = len({step.op for step in mapped_steps(newest)})
    numbers = {max(1, slots // 2), slots}
    if newest.executor not in ON_SHARED_CORES:
        numbers.add(2 * slots)
    outside_s = max(0.0, makespan(newest) - parallelism(newest).window_s)
    generator = np.random.default_rng(seed)
    ways: list[DelegatedWay] = []
    for batch in (size for size in BATCHES if size == 1 or size <= items):
        # Items one by one pass the chain's ops in a step each; a batch passes it whole in one.
        steps, calls = (items * ops, 1) if batch == 1 else (math.ceil(items / batch), batch * ops)
        shape = (DRAWS, min(steps, MOST_STEPS))
        durations = _resampled(around, shape, generator) + _resampled(tails, shape, generator)
        durations += _work_s(work, calls, shape, generator)
        for at_once in sorted(numbers):
            spans = list_schedule(durations, min(at_once, shape[1])) * (steps / shape[1])
            low, median, high = np.percentile(spans + outside_s, (5, 50, 95))
            ways.append(
                DelegatedWay(
                    executor=newest.executor,
                    max_concurrent=at_once,
                    batch_size=batch,
                    predicted_s=Interval(float(median), float(low), float(high)),
                    pods=steps,
                    current=batch == 1 and at_once == slots,
                )
            )
    best = min(way.predicted_s.median for way in ways)

    def order(way: DelegatedWay) -> tuple[float, float]:
        median = way.predicted_s.median
        return (0.0, way.batch_size) if median <= best * (1 + TIE) else (median, 0.0)

    return tuple(sorted(ways, key=order))


def _weights(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How much each of the observed counts in each draw (shape: draws x count).

    A Bayesian bootstrap (Rubin 1981): of three observations the mean is hardly known, and the
    draws differ by as much.
    """
    return generator.dirichlet(np.ones(count), DRAWS)


def _resampled(
    values: Sequence[float], shape: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Observed values, drawn anew under the weights of each draw (the first axis of ``shape``)."""
    rows = [
        generator.choice(np.asarray(values, dtype=float), shape[1:], p=weights)
        for weights in _weights(len(values), generator)
    ]
    return np.stack(rows)


def _work_s(
    work: Sequence[float], batch: int, shape: tuple[int, int], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Computing of steps of ``batch`` items, resampled; of many items the sum is near normal."""
    if shape[1] * batch <= MOST_STEPS:
        return np.asarray(_resampled(work, (*shape, batch), generator).sum(axis=2), dtype=float)
    weights, seconds = _weights(len(work), generator), np.asarray(work, dtype=float)
    mean = weights @ seconds
    variance = np.maximum(weights @ seconds**2 - mean**2, 0.0)
    moved = np.sqrt(variance * batch)[:, None] * generator.standard_normal(shape)
    return np.asarray(np.maximum(mean[:, None] * batch + moved, 0.0), dtype=float)
