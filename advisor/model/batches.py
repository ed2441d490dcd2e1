"""Batches: several items in one step, one after another or with workers of its own."""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np

from advisor.domain.candidate import Candidate
from advisor.domain.workload import WorkerKind
from advisor.model.event_loop import simulate_loop, taking_turns
from advisor.model.listing import Calls, in_batches
from advisor.model.scheduling import list_schedule
from advisor.model.setting import Setting
from advisor.model.simulations import Simulations
from advisor.model.stage import CallKind, ExtraCost, FloatArray, Stage

SIMULATED_ITEMS = 1000
"""Longer batches are thinned to so many, and their workers keep that pace."""


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


def drawn_batch_seconds(
    candidate: Candidate, simulations: Simulations, lists: Calls, limit: int | None = None
) -> FloatArray:
    """Least seconds of the first batches (shape: lists x batches), for the draws' spread.

    What a batch takes is simulated by `batch_seconds`, which is too slow for each draw.
    """
    setting = simulations.setting
    items = setting.items
    batches = simulations.dealt(candidate.steps(items.count))[:limit]
    walls = in_batches(items.wall_s[lists], batches)
    workers = min(candidate.workers_in_op, batches.shape[1])
    if workers <= 1 or candidate.worker_kind is None:
        return np.asarray(walls.sum(axis=-1))
    # Busy workers slow each other, which bounds the whole; near its end fewer are busy.
    busy = walls.sum(axis=-1) * in_step_factor(candidate, setting) / workers
    scheduled = np.maximum(list_schedule(walls, workers), busy)
    computing = in_batches(np.minimum(items.cpu_s, items.wall_s)[lists], batches).sum(axis=-1)
    at_once = setting.contention.takes_turns_at(candidate.worker_kind, setting.capacity)
    return np.asarray(np.maximum(scheduled, computing / at_once))


def batch_seconds(
    candidate: Candidate, simulations: Simulations, limit: int | None = None
) -> FloatArray:
    """Seconds of each of the first ``limit`` batches, its workers at work (shape: batches)."""
    items, kind = simulations.setting.items, candidate.worker_kind
    batches = simulations.dealt(candidate.steps(items.count))[:limit]
    workers = min(candidate.workers_in_op, batches.shape[1])
    if workers <= 1 or kind is None:
        return of_batches(items.wall_s, simulations, batches)
    key = kind, workers, batches.shape[1], len(batches)
    if key not in simulations.batches:
        calls = [simulations.reference[batch[batch >= 0]] for batch in batches]
        simulations.batches[key] = _simulated(simulations.setting, calls, kind, workers)
    return simulations.batches[key]


def of_batches(seconds: FloatArray, simulations: Simulations, batches: Calls) -> FloatArray:
    """The sum over each batch of the reference list (shape: batches) of a figure of the calls."""
    return np.asarray(in_batches(seconds[simulations.reference][None], batches)[0].sum(axis=-1))


def _simulated(
    setting: Setting, batches: Sequence[Calls], kind: WorkerKind, workers: int
) -> FloatArray:
    """Seconds of each batch (shape: batches).

    The workers wait beside each other and take turns at computing. Long batches are thinned, and
    extrapolated at the pace of the first half.
    """
    items, contention = setting.items, setting.contention
    slows = cache(partial(contention.beyond_turns, kind))
    at_once = contention.takes_turns_at(kind, setting.capacity)
    walls = items.wall_s
    calls = zip(walls.tolist(), items.cpu_s.tolist(), strict=True)
    chains = [[taking_turns(wall_s, cpu_s)] for wall_s, cpu_s in calls]

    def simulated_s(shown: Calls) -> float:
        ended_s = simulate_loop(
            [chains[index] for index in shown],
            max_concurrent=workers,
            slows_waiting=slows,
            slows_computing=slows,
            at_once=at_once,
        )
        return max(ended_s)

    def seconds(batch: Calls) -> float:
        most = max(SIMULATED_ITEMS, 4 * workers)
        if len(batch) <= most:
            return simulated_s(batch)
        many = batch[(np.arange(most) + 1) * len(batch) // most - 1]
        few = many[most // 2 :]  # with the same end
        many_s, work_s = simulated_s(many), float(walls[many].sum())
        pace = (many_s - simulated_s(few)) / max(work_s - float(walls[few].sum()), 1e-12)
        return many_s + pace * (float(walls[batch].sum()) - work_s)

    return np.array([seconds(batch) for batch in batches])


def batch_transfers_s(
    candidate: Candidate, simulations: Simulations, limit: int | None = None
) -> FloatArray:
    """Loading and storing of each batch (shape: batches), as one value of its size each.

    Where none of its size was measured: every byte, and the fixed part once.
    """
    setting = simulations.setting
    stages, items = setting.items.stages, setting.items
    batches = simulations.dealt(candidate.steps(items.count))[:limit]
    further = (batches >= 0).sum(axis=-1) - 1.0
    rest_s, moved_s = np.zeros(len(stages[0].load_s)), np.zeros(len(batches))
    if items.yielded is None:
        rest_s = rest_s + stages[0].load_s
    else:
        moved_s += items.yielded.load_s + items.yielded.load_more_s * further
    if items.collected is None:
        rest_s = rest_s + stages[-1].store_s
    else:
        moved_s += items.collected.store_s + items.collected.store_more_s * further
    fixed_s = min(setting.overhead.transfer_s, float(rest_s.mean()))
    return moved_s + fixed_s + of_batches(np.maximum(0.0, rest_s - fixed_s), simulations, batches)
