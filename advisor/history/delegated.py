"""Advice for executors that start a pod, container or task a step, from their own history. Pure.

They cannot be run here, so nothing is calibrated: every phase is resampled from steps that ran.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from advisor.domain.analysis import DelegatedWay
from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import Interval
from advisor.history.learning import DELEGATING
from advisor.model.run_statistics import (
    begin_s,
    compute_s,
    item_count,
    makespan,
    mapped_steps,
    parallelism,
    step_phases,
)
from advisor.model.scheduling import list_schedule

DRAWS = 200
MOST_STEPS = 2_000
"""Steps simulated; a longer run is scaled from these."""

TIE = 0.03
"""Ways within this share of the best are near ties: smaller batches come first."""

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
    work, around = _observed(like)
    if len(work) < FEWEST_STEPS:
        return ()
    tails = [
        found.seconds["tail"]
        for run in like
        for found in step_phases(run)
        if "tail" in found.seconds
    ] or [0.0]
    items, slots = item_count(newest), parallelism(newest).slots
    outside_s = max(0.0, makespan(newest) - _mapped_window_s(newest))
    generator = np.random.default_rng(seed)
    ways: list[DelegatedWay] = []
    for batch in (size for size in BATCHES if size == 1 or size <= items):
        steps = math.ceil(items / batch)
        simulated = min(steps, MOST_STEPS)
        durations = (
            generator.choice(around, (DRAWS, simulated))
            + generator.choice(tails, (DRAWS, simulated))
            + generator.choice(work, (DRAWS, simulated, batch)).sum(axis=2)
            if simulated * batch <= MOST_STEPS
            else generator.choice(around, (DRAWS, simulated))
            + generator.choice(tails, (DRAWS, simulated))
            # The sum of many items is near normal.
            + np.mean(work) * batch
            + np.std(work) * math.sqrt(batch) * generator.standard_normal((DRAWS, simulated))
        )
        for at_once in sorted({slots, 2 * slots}):
            used = min(at_once, simulated)
            spans = list_schedule(np.maximum(durations, 0.0), used) * (steps / simulated)
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


def _observed(runs: Sequence[ObservedRun]) -> tuple[list[float], list[float]]:
    """Computing of each successful mapped step, and all else that it held its slot for."""
    work: list[float] = []
    around: list[float] = []
    for run in runs:
        for step in mapped_steps(run):
            begin, computing = begin_s(step), compute_s(step)
            if step.status != "success" or step.end_s is None:
                continue
            if begin is not None and computing is not None:
                work.append(computing)
                around.append(max(0.0, step.end_s - begin - computing))
    return work, around


def _mapped_window_s(run: ObservedRun) -> float:
    begins = [begin for step in mapped_steps(run) if (begin := begin_s(step)) is not None]
    ends = [step.end_s for step in mapped_steps(run) if step.end_s is not None]
    return max(ends) - min(begins) if begins and ends else 0.0
