"""Batches: several items in one step, one after another or with workers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from advisor.domain.candidate import Candidate
from advisor.domain.workload import WorkerKind
from advisor.model.event_loop import simulate_loop, taking_turns
from advisor.model.items import CallKind, ExtraCost, FloatArray, Stage
from advisor.model.scheduling import batch_makespans
from advisor.model.setting import Setting
from advisor.model.simulations import Simulations

SIMULATED_ITEMS = 1000
"""Longer batches are simulated so far, and their workers keep that pace."""


def worker_start(candidate: Candidate, setting: Setting) -> ExtraCost:
    """Starting the worker processes inside one step; resources and the first call in each.

    The workers are forked from one server that has imported the user's code.
    """
    if candidate.worker_kind != "process":
        return ExtraCost()
    extras = [each for stage in setting.items.stages for each in (stage.first, stage.resources)]
    rounds = max(1.0, candidate.workers_in_op / setting.capacity)
    return ExtraCost(
        cpu_s=setting.overhead.process_start_s + rounds * sum(extra.cpu_s for extra in extras),
        wait_s=sum(extra.wait_s for extra in extras),
    )


def step_extra(candidate: Candidate, stages: Sequence[Stage], call: CallKind) -> ExtraCost:
    """What the first calls in a step's own process cost: nothing where workers make them."""
    if candidate.worker_kind == "process":
        return ExtraCost()
    extras = [stage.first_call_extra(call) for stage in stages]
    return ExtraCost(sum(extra.cpu_s for extra in extras), sum(extra.wait_s for extra in extras))


def in_step_factor(candidate: Candidate, setting: Setting) -> float:
    """Slowdown of an item among the workers of its step, at least: its own part of the turns."""
    items, contention = setting.items, setting.contention
    kind = candidate.worker_kind or "thread"
    workers = min(candidate.workers_in_op, candidate.batch_size)
    busy = min(1.0, float(items.cpu_s.mean()) / max(1e-9, float(items.wall_s.mean())))
    turns = max(1.0, workers * busy / contention.takes_turns_at(kind, setting.capacity))
    return turns * contention.beyond_turns(kind, workers)


def least_work_s(candidate: Candidate, setting: Setting) -> float:
    """Least seconds of all items' work, each step's with its workers, one step after another."""
    items = setting.items
    workers = min(candidate.workers_in_op, candidate.batch_size)
    factor = in_step_factor(candidate, setting) if workers > 1 else 1.0
    return items.count * float(items.wall_s.mean()) * factor / workers


def drawn_batch_seconds(candidate: Candidate, setting: Setting, order: np.ndarray) -> FloatArray:
    """Least seconds of each batch over ``order`` (shape: draws x items), for the draws' spread.

    What a batch takes is simulated by `batch_seconds`, which is too slow for each draw.
    """
    items = setting.items
    walls = np.atleast_2d(items.wall_s[order])
    size = min(candidate.batch_size, order.shape[-1])
    workers = min(candidate.workers_in_op, size)
    if workers <= 1 or candidate.worker_kind is None:
        return batch_makespans(walls, size, 1)
    scheduled = batch_makespans(walls, size, workers, in_step_factor(candidate, setting))
    computing = np.atleast_2d(np.minimum(items.cpu_s, items.wall_s)[order])
    at_once = setting.contention.takes_turns_at(candidate.worker_kind, setting.capacity)
    return np.asarray(np.maximum(scheduled, batch_makespans(computing, size, 1) / at_once))


def batch_seconds(candidate: Candidate, simulations: Simulations, limit: int) -> FloatArray:
    """Seconds of each batch of the first ``limit`` items, its workers at work (shape: batches)."""
    size, kind = candidate.batch_size, candidate.worker_kind
    workers = min(candidate.workers_in_op, size)
    order = simulations.reference[:limit]
    if workers <= 1 or kind is None:
        walls = simulations.setting.items.wall_s[order]
        return np.asarray(batch_makespans(walls[None], size, 1)[0])
    key = kind, workers, size, len(order)
    if key not in simulations.batches:
        seconds = _simulated(simulations.setting, order, size, kind, workers)
        simulations.batches[key] = seconds
    return simulations.batches[key]


def _simulated(
    setting: Setting, order: np.ndarray, size: int, kind: WorkerKind, workers: int
) -> FloatArray:
    """Seconds of each batch over ``order`` (shape: batches).

    The workers wait beside each other and take turns at computing. Long batches are simulated at
    their start and extrapolated.
    """
    items, contention = setting.items, setting.contention
    slows = cache(contention.among(kind))
    at_once = contention.takes_turns_at(kind, setting.capacity)
    walls = items.wall_s
    calls = zip(walls.tolist(), items.cpu_s.tolist(), strict=True)
    chains = [[taking_turns(wall_s, cpu_s)] for wall_s, cpu_s in calls]

    def seconds(first: int) -> float:
        batch = order[first : first + size]
        shown = batch[: max(SIMULATED_ITEMS, 4 * workers)]
        timeline = simulate_loop(
            [chains[index] for index in shown],
            max_concurrent=workers,
            slows_waiting=slows,
            slows_computing=slows,
            at_once=at_once,
        )
        return timeline.makespan_s * float(walls[batch].sum() / max(walls[shown].sum(), 1e-12))

    return np.array([seconds(first) for first in range(0, len(order), size)])


def batch_transfers_s(candidate: Candidate, setting: Setting, order: np.ndarray) -> FloatArray:
    """Loading and storing of each batch (shape: batches): every byte, and the fixed part once."""
    stages = setting.items.stages
    single_s = stages[0].load_s + stages[-1].store_s
    fixed_s = min(setting.overhead.transfer_s, float(single_s.mean()))
    growing = np.maximum(0.0, single_s - fixed_s)[order][None, :]
    return np.asarray(fixed_s + batch_makespans(growing, candidate.batch_size, 1)[0])
