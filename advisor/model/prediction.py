"""From a candidate to its prediction: makespan with interval, breakdown, memory, core-seconds.

A candidate is simulated once on a reference sequence of items. The spread over items comes from
list scheduling of resampled items, common to all candidates (common random numbers), around that
one simulation; the spread of the host and of the model itself is added as factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from zlib import crc32

import numpy as np

from advisor.domain.advice import Breakdown, Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.host import (
    InProcessOverhead,
    MultiprocessOverhead,
    OverheadModel,
    overhead_key,
)
from advisor.domain.quantities import Interval
from advisor.domain.tag_limits import TagLimits
from advisor.domain.workload import WorkerKind
from advisor.model.contention import Contention
from advisor.model.event_loop import LoopWork, simulate_loop, taking_turns
from advisor.model.items import CallKind, FloatArray, Items, Stage, drawn_orders, reference_order
from advisor.model.limits import NOTHING_PROBED, Limits
from advisor.model.run_plan import RunPlan, StepWork, Timeline
from advisor.model.sampling_error import mean_factors
from advisor.model.scheduling import batch_makespans, list_schedule
from advisor.model.timeline import simulate

DRAWS = 200
"""Resampled workloads behind each interval."""

DRAWN_ITEMS = 256
"""Items in a draw; the spread of a longer run is scaled from these (it shrinks as 1/sqrt(n))."""

SIMULATED_STEPS = (80, 200)
"""Longer runs are simulated at these sizes and extrapolated; exact once the slots are busy."""

SIMULATED_ITEMS = 1000
"""Longer batches are simulated so far, and their workers keep that pace."""

MODEL_SD = 0.07
"""Relative standard deviation of the model's own error, as `make bench` found it."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine to predict for."""

    cores: float
    memory_bytes: int
    base_rss_bytes: int = 0


@dataclass(frozen=True)
class Setting:
    """Everything a prediction needs besides the candidate; built once a search."""

    items: Items
    contention: Contention
    overhead: OverheadModel
    machine: Machine
    before_steps: int = 0
    fan_out: bool = True
    after_steps: int = 1
    draws: int = DRAWS
    correction: dict[str, float] = field(default_factory=dict)
    depth_first: bool = False
    stage_pools: tuple[str | None, ...] = ()
    pool_limits: Mapping[str, int] = field(default_factory=dict)
    tag_limits: TagLimits = field(default_factory=TagLimits)
    holding_stages: tuple[bool, ...] = ()
    limited: Setting | None = None
    limits: Limits = NOTHING_PROBED

    def under(self, candidate: Candidate) -> Setting:
        """The setting as it is with the candidate's limit of an item's own threads."""
        return self.limited if candidate.op_threads is not None and self.limited else self

    @cached_property
    def capacity(self) -> float:
        """Cores that CPU-bound processes really get when all are busy (hyperthreads, steal)."""
        cores = self.machine.cores
        busy = [s for s in self.overhead.cpu_scaling if 1 < s.workers <= max(1.0, cores)]
        if not busy:
            return cores
        widest = max(busy, key=lambda s: s.workers)
        excess = max(1.0, widest.slowdown)
        return max(1.0, cores / excess) if cores > 1 else cores

    @cached_property
    def timelines(self) -> dict[tuple[Candidate, int], Timeline]:
        """What was simulated already; the command line's runs are those of ``execute_job``."""
        return {}

    @cached_property
    def batches(self) -> dict[tuple[WorkerKind, int, int, int], FloatArray]:
        """Seconds of batches that were simulated already: every launch runs the same ones."""
        return {}

    @cached_property
    def drawn(self) -> np.ndarray:
        """Resampled item indices (shape: draws x min(items, DRAWN_ITEMS))."""
        return drawn_orders(self.items, min(self.items.count, DRAWN_ITEMS), self.draws)

    @cached_property
    def mean_factors(self) -> FloatArray:
        """What the mean of all items may be over that of the measured ones (shape: draws)."""
        return mean_factors(self.items, self.draws)

    @cached_property
    def reference(self) -> np.ndarray:
        """The reference sequence of the whole run, cut to what is ever simulated."""
        return reference_order(self.items, self.items.count)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A candidate's simulated makespan, its parts, and its draws (shape: draws)."""

    candidate: Candidate
    makespan_s: float
    draws_s: FloatArray
    breakdown_s: Breakdown
    core_seconds: float
    peak_memory_bytes: int
    pool_wait_s: float = 0.0


def pools_of(candidate: Candidate, setting: Setting) -> tuple[str | None, ...]:
    """The limited pool of each mapped step of an item; a batch has the first of its ops'."""
    pools = tuple(p if p in setting.pool_limits else None for p in setting.stage_pools)
    return (next(filter(None, pools), None),) if candidate.is_batched else pools


def tag_limits_of(candidate: Candidate, setting: Setting) -> TagLimits:
    """The executor's tag limits on the candidate's steps."""
    limits = setting.tag_limits
    return limits.in_batches() if candidate.is_batched else limits


def steps_at_once(candidate: Candidate, setting: Setting) -> int:
    """Mapped steps that can run at once: the executor's slots, or fewer where a limit is lower."""
    tagged = tag_limits_of(candidate, setting).steps_at_once
    most = candidate.max_concurrent if tagged is None else min(candidate.max_concurrent, tagged)
    pools = pools_of(candidate, setting)
    if not pools or None in pools:
        return most
    return min(most, sum(setting.pool_limits[pool] for pool in set(pools) if pool))


def items_cap(setting: Setting, connections: int | None, each: int) -> int | None:
    """Most items that can be in work at once; None where nothing limits it.

    Args:
        setting: With the pools and the tag limits.
        connections: Most that may be held in all; None: no limit.
        each: Connections that an item holds.
    """
    limits = [
        setting.pool_limits[pool]
        for pool in setting.stage_pools
        if pool is not None and pool in setting.pool_limits
    ]
    limits += setting.tag_limits.steps.values()
    if connections is not None:
        limits.append(max(1, connections // each))
    return min(limits, default=None)


def call_kind(candidate: Candidate) -> CallKind:
    """Which price a step's first item pays under this way to run."""
    if candidate.executor == "in_process":
        return "later"
    return "preloaded" if candidate.is_warm else "first"


def _threads_of(stage: Stage, index: int) -> float:
    """Cores that an item's computing uses at once (BLAS); 1 for plain Python."""
    wall, cpu = float(stage.wall_s[index]), float(stage.cpu_s[index])
    return max(1.0, cpu / wall) if wall > 0 else 1.0


def _item_work(stage: Stage, index: int, call: CallKind, *, transfers: bool) -> StepWork:
    extra = stage.first_call_extra(call)
    threads = _threads_of(stage, index)
    cpu = float(stage.cpu_s[index])
    wait = max(0.0, float(stage.wall_s[index]) - cpu / threads)
    return StepWork(
        cpu_s=cpu + extra.cpu_s,
        wait_s=wait + extra.wait_s,
        threads=threads,
        load_s=float(stage.load_s[index]) if transfers else 0.0,
        store_s=float(stage.store_s[index]) if transfers else 0.0,
        resources_s=stage.resources.cpu_s,
        resources_wait_s=stage.resources.wait_s,
    )


def _worker_start_s(candidate: Candidate, setting: Setting) -> float:
    """Starting the worker processes inside one step, and the first call in each.

    The workers are forked from one server that has imported the user's code.
    """
    if candidate.worker_kind != "process":
        return 0.0
    rounds = max(1.0, candidate.workers_in_op / max(1.0, setting.machine.cores))
    first = sum(stage.first.wall_s + stage.resources.wall_s for stage in setting.items.stages)
    return setting.overhead.process_start_s + first * rounds


def in_step_factor(candidate: Candidate, setting: Setting) -> float:
    """Slowdown of an item among the workers of its step, at least: its own part of the turns."""
    items, contention = setting.items, setting.contention
    kind = candidate.worker_kind or "thread"
    workers = min(candidate.workers_in_op, candidate.batch_size)
    busy = min(1.0, float(items.cpu_s.mean()) / max(1e-9, float(items.wall_s.mean())))
    turns = max(1.0, workers * busy / contention.takes_turns_at(kind, setting.capacity))
    return turns * contention.beyond_turns(kind, workers)


def _drawn_batch_seconds(
    candidate: Candidate, setting: Setting, order: np.ndarray, batch_size: int
) -> FloatArray:
    """Least seconds of each batch over ``order`` (shape: draws x items), for the draws' spread.

    What a batch takes is simulated by `_batch_seconds`, which is too slow for each draw.
    """
    items = setting.items
    walls = np.atleast_2d(items.wall_s[order])
    workers = min(candidate.workers_in_op, batch_size)
    if workers <= 1 or candidate.worker_kind is None:
        return batch_makespans(walls, batch_size, 1)
    scheduled = batch_makespans(walls, batch_size, workers, in_step_factor(candidate, setting))
    computing = np.atleast_2d(np.minimum(items.cpu_s, items.wall_s)[order])
    at_once = setting.contention.takes_turns_at(candidate.worker_kind, setting.capacity)
    return np.asarray(np.maximum(scheduled, batch_makespans(computing, batch_size, 1) / at_once))


def _batch_seconds(candidate: Candidate, setting: Setting, limit: int) -> FloatArray:
    """Seconds of each batch of the first ``limit`` items, its workers at work (shape: batches)."""
    size, kind = candidate.batch_size, candidate.worker_kind
    workers = min(candidate.workers_in_op, size)
    order = setting.reference[:limit]
    if workers <= 1 or kind is None:
        return np.asarray(_drawn_batch_seconds(candidate, setting, order, size)[0])
    key = kind, workers, size, len(order)
    if key not in setting.batches:
        setting.batches[key] = _simulated_batches(setting, order, size, kind, workers)
    return setting.batches[key]


def _simulated_batches(
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
    known = [[taking_turns(wall, cpu)] for wall, cpu in calls]

    def seconds(first: int) -> float:
        batch = order[first : first + size]
        shown = batch[: max(SIMULATED_ITEMS, 4 * workers)]
        found = simulate_loop(
            [known[index] for index in shown],
            max_concurrent=workers,
            slows_waiting=slows,
            slows_computing=slows,
            at_once=at_once,
        )
        return found.makespan_s * float(walls[batch].sum() / max(walls[shown].sum(), 1e-12))

    return np.array([seconds(first) for first in range(0, len(order), size)])


def _batch_transfers_s(candidate: Candidate, setting: Setting, order: np.ndarray) -> FloatArray:
    """Loading and storing of each batch (shape: batches): every byte, and the fixed part once."""
    stages = setting.items.stages
    single_s = stages[0].load_s + stages[-1].store_s
    fixed_s = min(setting.overhead.transfer_s, float(single_s.mean()))
    growing = np.maximum(0.0, single_s - fixed_s)[order][None, :]
    return np.asarray(fixed_s + batch_makespans(growing, candidate.batch_size, 1)[0])


def _batches(
    candidate: Candidate, setting: Setting, order: np.ndarray, *, transfers: bool
) -> list[list[StepWork]]:
    """The steps of a batched candidate over ``order``: one stage that runs the whole chain."""
    items = setting.items
    call = call_kind(candidate)
    cpu = items.cpu_s[order]
    durations = _batch_seconds(candidate, setting, len(order))
    cpu_total = batch_makespans(cpu[None, :], candidate.batch_size, 1)[0]
    transfer = _batch_transfers_s(candidate, setting, order)
    extra_cpu = sum(stage.first_call_extra(call).cpu_s for stage in items.stages)
    extra_wait = sum(stage.first_call_extra(call).wait_s for stage in items.stages)
    start = _worker_start_s(candidate, setting)
    steps = []
    for duration, used, moved in zip(durations, cpu_total, transfer, strict=True):
        threads = max(1.0, float(used) / float(duration)) if duration > 0 else 1.0
        step = StepWork(
            cpu_s=float(used) + extra_cpu + start,
            wait_s=max(0.0, float(duration) - float(used) / threads) + extra_wait,
            threads=threads,
            load_s=float(moved) / 2 if transfers else 0.0,
            store_s=float(moved) / 2 if transfers else 0.0,
            resources_s=sum(stage.resources.cpu_s for stage in items.stages),
            resources_wait_s=sum(stage.resources.wait_s for stage in items.stages),
        )
        steps.append([step])
    return steps


def _mapped_steps(
    candidate: Candidate, setting: Setting, order: np.ndarray, *, transfers: bool
) -> list[list[StepWork]]:
    if candidate.is_batched:
        return _batches(candidate, setting, order, transfers=transfers)
    call = call_kind(candidate)
    known: dict[int, list[StepWork]] = {}
    for index in set(order.tolist()):
        known[index] = [
            _item_work(stage, index, call, transfers=transfers) for stage in setting.items.stages
        ]
    return [known[index] for index in order.tolist()]


def _multiprocess_overhead(candidate: Candidate, setting: Setting) -> MultiprocessOverhead:
    """The host's, with the imports that a warm server makes before its first fork."""
    warm = candidate.is_warm
    found = setting.overhead.multiprocess[overhead_key(candidate.start_method, warm=warm)]
    if not warm:
        return found
    stages = setting.items.stages
    imported_s = sum(s.first.wall_s - min(s.first.wall_s, s.preloaded.wall_s) for s in stages)
    return replace(found, server_start_s=found.server_start_s + imported_s)


def _ends_transfer_s(setting: Setting) -> tuple[float, float]:
    """Storing what the fan-out yields and loading what is collected, for all items."""
    items, overhead = setting.items, setting.overhead
    stored = overhead.store_byte_s * items.input_bytes * items.count if setting.fan_out else 0.0
    loaded = overhead.load_byte_s * items.output_bytes * items.count if setting.after_steps else 0.0
    return stored, loaded


def _plan(candidate: Candidate, setting: Setting, limit: int) -> RunPlan:
    items = setting.items
    total = items.count
    order = setting.reference[: limit * candidate.batch_size]
    mapped = _mapped_steps(candidate, setting, order, transfers=True)
    share = len(order) / total
    stored_s, loaded_s = (share * moved for moved in _ends_transfer_s(setting))
    before: tuple[StepWork, ...] = ()
    if setting.before_steps and setting.fan_out:
        upstream = StepWork(items.upstream_s / setting.before_steps)
        before = (upstream,) * setting.before_steps
    if setting.fan_out:
        fan_out = StepWork(items.fan_out_s * share, store_s=stored_s, outputs=len(mapped))
        before = (*before, fan_out)
    after: tuple[StepWork, ...] = ()
    if setting.after_steps:
        collect = StepWork(items.collect_s * share, load_s=loaded_s, inputs=len(mapped))
        after = (collect,) + (StepWork(0.0),) * (setting.after_steps - 1)
    steps = -(-total // candidate.batch_size)
    return RunPlan(
        before,
        mapped,
        after,
        depth_first=setting.depth_first or candidate.depth_first,
        total_items=steps,
        stage_pools=pools_of(candidate, setting),
        pool_limits=setting.pool_limits,
        tag_limits=tag_limits_of(candidate, setting),
    )


def _timeline(candidate: Candidate, setting: Setting, steps: int) -> Timeline:
    """The simulated run of a candidate's first ``steps`` mapped steps."""
    key = replace(candidate, launch="execute_job"), steps
    if key not in setting.timelines:
        setting.timelines[key] = simulate(
            _multiprocess_overhead(candidate, setting),
            _plan(candidate, setting, steps),
            cores=setting.capacity,
            max_concurrent=candidate.max_concurrent,
            stretch=setting.contention.among_steps(candidate.workers_in_op),
        )
    return setting.timelines[key]


def _estimate_multiprocess(candidate: Candidate, setting: Setting) -> Estimate:
    overhead = _multiprocess_overhead(candidate, setting)
    steps = -(-setting.items.count // candidate.batch_size)

    def run(first: int) -> tuple[float, ...]:
        found = _timeline(candidate, setting, first)
        core = found.child_cpu_s + found.parent_cpu_s
        parts = found.work_s, found.launch_s, found.serialize_s
        return found.makespan_s, core, *parts, found.pool_wait_s

    small, large = SIMULATED_STEPS
    if steps <= 2 * large:
        values = np.array(run(steps))
    else:
        low, high = np.array(run(small)), np.array(run(large))
        values = high + (high - low) / (large - small) * (steps - large)
    makespan, core, work, launch, serialize, pool_wait = (float(value) for value in values)
    fixed = overhead.start_s + overhead.end_s + overhead.server_start_s
    used = work + launch + serialize + fixed
    idle_or_coordinate = max(0.0, makespan - used)
    slots = min(steps_at_once(candidate, setting), steps)
    uneven = idle_or_coordinate * (1.0 - 1.0 / slots) if slots > 1 else 0.0
    scale = makespan / max(used + idle_or_coordinate, 1e-12)
    breakdown = Breakdown(
        work_s=work * scale,
        launch_s=(launch + fixed) * scale,
        serialize_s=serialize * scale,
        coordinate_s=(idle_or_coordinate - uneven) * scale,
        idle_s=uneven * scale,
    )
    extra = sum(
        s.first_call_extra(call_kind(candidate)).wall_s + s.resources.wall_s
        for s in setting.items.stages
    )
    stages = 1 if candidate.is_batched else len(setting.items.stages)
    draws = _drawn_makespans(candidate, setting, makespan, overhead.step_s * stages + extra)
    peak = _peak_memory_bytes(candidate, setting)
    return Estimate(candidate, makespan, draws, breakdown, core, peak, max(0.0, pool_wait))


def first_result_s(candidate: Candidate, setting: Setting) -> float:
    """When the first item's whole chain is done, for a way that needs no code.

    Long runs are cut to their first items: breadth first, the rest of the first stage is added.
    """
    setting = setting.under(candidate)
    stages = setting.items.stages
    count = setting.items.count
    depth_first = setting.depth_first or candidate.depth_first
    if candidate.executor == "in_process":
        overhead = setting.overhead.in_process
        each = [float(stage.wall_s.mean()) + overhead.step_s for stage in stages]
        before = overhead.start_s + overhead.fan_out_output_s * count
        waiting = 0 if depth_first else (count - 1) * sum(each[:-1])
        return before + waiting + sum(each)
    limit = min(count, SIMULATED_STEPS[1])
    found = _timeline(candidate, setting, limit)
    return found.first_result_s * (1.0 if depth_first else count / limit)


def _drawn_makespans(
    candidate: Candidate, setting: Setting, simulated_s: float, slot_overhead_s: float
) -> FloatArray:
    """Makespans of the draws: the simulation, moved by what list scheduling says of each draw."""
    items = setting.items
    drawn = setting.drawn
    length = drawn.shape[1]
    wall = items.wall_s
    if candidate.is_batched:
        size = min(candidate.batch_size, length)
        durations = _drawn_batch_seconds(candidate, setting, drawn, size)
        reference = _drawn_batch_seconds(candidate, setting, setting.reference[:length], size)
        steps = max(1, length // size)
    else:
        durations, reference = wall[drawn], wall[setting.reference[:length]][None]
        steps = length
    slots = max(1, min(steps_at_once(candidate, setting), steps))
    share = float(items.cpu_s.mean()) / max(1e-9, float(wall.mean()))
    crowd = max(1.0, slots * min(1.0, share) / setting.capacity)
    moved = list_schedule(durations * crowd + slot_overhead_s, slots)
    base = list_schedule(reference * crowd + slot_overhead_s, slots)[0]
    grown = items.count / length
    # Deviations of a sum grow with the root of its length when all items are drawn afresh, and
    # with the length itself as far as the samples' mean is unknown: the bootstrap carries both,
    # and the larger is kept.
    return np.asarray(np.maximum(simulated_s + (moved - base) * grown, 0.05 * simulated_s))


def _estimate_serial(candidate: Candidate, setting: Setting) -> Estimate:
    items = setting.items
    bare = candidate.launch == "execute_in_process"
    overhead: InProcessOverhead = (
        setting.overhead.execute_in_process if bare else setting.overhead.in_process
    )
    count = items.count
    steps = -(-count // candidate.batch_size)
    length = setting.drawn.shape[1]
    transfers = 0.0 if bare else 1.0
    workers = min(candidate.workers_in_op, candidate.batch_size)
    stages = 1 if candidate.is_batched else len(items.stages)

    def work_s(order: np.ndarray) -> FloatArray:
        size = min(candidate.batch_size, order.shape[-1])
        return np.asarray(_drawn_batch_seconds(candidate, setting, order, size).sum(axis=-1))

    if workers > 1:
        reference = float(_batch_seconds(candidate, setting, count).sum())
    else:
        reference = float(items.wall_s[setting.reference].sum())
    if candidate.is_batched:
        move = _batch_transfers_s(candidate, setting, setting.reference)
    else:
        each = np.sum([stage.load_s + stage.store_s for stage in items.stages], axis=0)
        move = each[setting.reference]
    moved = transfers * (float(move.sum()) + sum(_ends_transfer_s(setting)))
    once = items.first_extra_s + steps * _worker_start_s(candidate, setting)
    outputs = steps if setting.fan_out else 0
    step_s = overhead.step_s + overhead.step_growth_s * steps * stages
    plain = setting.before_steps + (1 if setting.fan_out else 0) + setting.after_steps
    coordinate = step_s * (steps * stages + plain)
    coordinate += overhead.fan_out_output_s * outputs
    coordinate += overhead.collect_input_s * (steps if setting.after_steps else 0)
    if not bare:
        pooled = len(list(filter(None, pools_of(candidate, setting))))
        coordinate += 2 * overhead.claim_s * steps * pooled
    fixed = overhead.start_s + overhead.end_s
    own = items.fan_out_s * (1 if setting.fan_out else 0) + items.upstream_s + items.collect_s
    makespan = fixed + own + coordinate + moved + once + reference
    drawn = work_s(setting.drawn)
    base = float(work_s(setting.reference[:length])[0])
    draws = np.maximum(makespan + (drawn - base) * (count / length), 0.05 * makespan)
    breakdown = Breakdown(
        work_s=reference + own + items.first_extra_s,
        launch_s=fixed + once - items.first_extra_s,
        serialize_s=moved,
        coordinate_s=coordinate,
        idle_s=0.0,
    )
    core = fixed + own + coordinate + moved + float(items.cpu_s[setting.reference].sum())
    core += sum(stage.first.cpu_s + stage.resources.cpu_s for stage in items.stages)
    return Estimate(
        candidate, makespan, draws, breakdown, core, _peak_memory_bytes(candidate, setting)
    )


def _loop_work(stage: Stage, index: int, step_s: float) -> LoopWork:
    """A step on the event loop; half of Dagster's own part comes before the op's call."""
    wall = float(stage.wall_s[index])
    held = min(wall, float((stage.cpu_s if stage.held_s is None else stage.held_s)[index]))
    return LoopWork(
        before_s=step_s / 2 + float(stage.load_s[index]) + held,
        wait_s=wall - held,
        after_s=step_s / 2 + float(stage.store_s[index]),
    )


def _loop_seconds(candidate: Candidate, setting: Setting) -> tuple[float, float]:
    """The mapped steps on one event loop, and one after another, in seconds."""
    items, overhead = setting.items, setting.overhead.in_process
    count, stages, slots = items.count, items.stages, steps_at_once(candidate, setting)
    step_s = overhead.step_s + overhead.step_growth_s * count * len(stages)
    known = [
        [_loop_work(stage, index, step_s) for stage in stages] for index in range(items.samples)
    ]

    def run(limit: int) -> float:
        chains = [known[index] for index in setting.reference[:limit]]
        return simulate_loop(
            chains, max_concurrent=slots, slows_waiting=setting.contention.among("thread")
        ).makespan_s

    alone = [sum(work.before_s + work.wait_s + work.after_s for work in chain) for chain in known]
    serial = float(np.array(alone)[setting.reference].sum())
    few, many = (
        max(size, waves * slots) for size, waves in zip(SIMULATED_STEPS, (2, 4), strict=True)
    )
    if count <= 2 * many:
        return run(count), serial
    low, high = run(few), run(many)
    return high + (high - low) / (many - few) * (count - many), serial


def _estimate_async(candidate: Candidate, setting: Setting) -> Estimate:
    """In process, save that what the mapped steps await overlaps."""
    items = setting.items
    alike = replace(candidate, executor="in_process", max_concurrent=1)
    found = _estimate_serial(alike, setting)
    together, serial = _loop_seconds(candidate, setting)
    makespan = found.makespan_s - serial + together
    length = setting.drawn.shape[1]
    slots = max(1, min(candidate.max_concurrent, length))
    held = np.sum(
        [stage.cpu_s if stage.held_s is None else stage.held_s for stage in items.stages], axis=0
    )
    wait = items.wall_s - held

    def spread(order: np.ndarray) -> FloatArray:
        overlapped = list_schedule(np.atleast_2d(wait[order]), slots)
        return np.asarray(overlapped + np.atleast_2d(held[order]).sum(axis=-1))

    moved = spread(setting.drawn) - spread(setting.reference[:length])[0]
    draws = np.maximum(makespan + moved * (items.count / length), 0.05 * makespan)
    b = found.breakdown_s
    others = b.launch_s + b.serialize_s + b.coordinate_s
    return replace(
        found,
        candidate=candidate,
        makespan_s=makespan,
        draws_s=draws,
        breakdown_s=replace(b, work_s=max(0.0, makespan - others)),
        peak_memory_bytes=_peak_memory_bytes(candidate, setting),
    )


def _peak_memory_bytes(candidate: Candidate, setting: Setting) -> int:
    """Parent plus all concurrent steps, each with all its workers at their items' peak."""
    items = setting.items
    base = max(setting.machine.base_rss_bytes, 1)
    step_base = max(items.base_rss_bytes, base)
    workers = min(candidate.workers_in_op, candidate.batch_size)
    working = items.peak_rss_bytes * workers
    if candidate.worker_kind == "process":
        working += step_base * workers
    if candidate.is_batched:
        working += items.output_bytes * candidate.batch_size
    if candidate.executor == "in_process":
        kept = items.output_bytes * items.count if candidate.launch == "execute_in_process" else 0
        return step_base + working + kept
    steps = min(candidate.max_concurrent, -(-items.count // candidate.batch_size))
    if candidate.executor == "async":
        return step_base + steps * working
    return base + steps * (step_base + working)


def estimate(candidate: Candidate, setting: Setting) -> Estimate:
    """Simulate one candidate.

    Raises:
        KeyError: The host could not be calibrated for the candidate's start method.
        ValueError: There is no model of the candidate's executor.
    """
    setting = setting.under(candidate)
    if candidate.executor == "in_process":
        found = _estimate_serial(candidate, setting)
    elif candidate.executor == "multiprocess":
        found = _estimate_multiprocess(candidate, setting)
    elif candidate.executor == "async":
        found = _estimate_async(candidate, setting)
    else:
        message = f"no model of the {candidate.executor} executor"
        raise ValueError(message)
    factor = setting.correction.get(candidate.method.removeprefix("command line, "), 1.0)
    start = (setting.overhead.cli_start_s or 0.0) if candidate.launch == "cli" else 0.0
    return _scaled(found, factor, start)


def _scaled(found: Estimate, factor: float, start_s: float) -> Estimate:
    """The estimate times a learned factor, plus the command line's start."""
    if factor == 1.0 and start_s == 0.0:
        return found
    b = found.breakdown_s
    return Estimate(
        candidate=found.candidate,
        makespan_s=found.makespan_s * factor + start_s,
        draws_s=found.draws_s * factor + start_s,
        breakdown_s=Breakdown(
            work_s=b.work_s * factor,
            launch_s=b.launch_s * factor + start_s,
            serialize_s=b.serialize_s * factor,
            coordinate_s=b.coordinate_s * factor,
            idle_s=b.idle_s * factor,
        ),
        core_seconds=found.core_seconds * factor + start_s,
        peak_memory_bytes=found.peak_memory_bytes,
        pool_wait_s=found.pool_wait_s,
    )


def noisy_draws(estimates: Sequence[Estimate], draws: int) -> FloatArray:
    """Draws with the model's own error, for comparing candidates (shape: candidates x draws).

    Neighbours (one method at other concurrency) err alike: three quarters of the variance is
    common to a method. A candidate's error depends on itself alone, so that leaving another one
    out changes nothing; and the command line errs as what it calls, so that it is never the faster.
    """

    def normal(name: str) -> FloatArray:
        seed = crc32(name.removeprefix("command line, ").encode())
        return np.random.default_rng(seed).standard_normal(draws)

    families = {name: normal(name) for name in {e.candidate.method for e in estimates}}
    rows = []
    for e in estimates:
        own = normal(e.candidate.label + " itself")
        error = MODEL_SD * (0.87 * families[e.candidate.method] + 0.5 * own)
        rows.append(e.draws_s * np.exp(error))
    return np.array(rows)


def _relative_variance(found: Estimate, setting: Setting) -> float:
    """Variance of the logarithm of real over predicted makespan, items' own spread apart.

    The model's own error, slow drift of the host, and its noise: in the run itself, in the
    calibration that the overhead is known from, and in the calls that the items are known from.
    """
    overhead, items = setting.overhead, setting.items
    fixed = MODEL_SD**2 + overhead.drift**2 * (1.0 + 1.0 / max(1, overhead.moments))
    makespan, used = max(found.makespan_s, 1e-9), found.core_seconds
    at_once = max(1.0, used / makespan)
    own = min(used, float(items.cpu_s.mean()) * items.count)
    run = used / (at_once * makespan) ** 2
    known = overhead.measured_cpu_s.get(_calibrated_as(found.candidate), 0.0)
    calibration = ((used - own) / (at_once * makespan)) ** 2 / max(known, 0.5)
    sampled = (own / (at_once * makespan)) ** 2 / max(items.measured_cpu_s, 0.05)
    return float(fixed + overhead.noise**2 * (run + calibration + sampled))


def _calibrated_as(candidate: Candidate) -> str:
    """The calibration's name of a candidate's method."""
    if candidate.executor == "multiprocess":
        return overhead_key(candidate.start_method, warm=candidate.is_warm)
    return "execute_in_process" if candidate.launch == "execute_in_process" else "in_process"


def interval(found: Estimate, setting: Setting) -> Interval:
    """The 90 % interval: spread over items, noise of the host and error of the model together.

    The items' share of the makespan is as uncertain as their measured number leaves it.
    """
    makespan_s = max(found.makespan_s, 1e-12)
    share = min(1.0, found.breakdown_s.work_s / makespan_s)
    spread = found.draws_s / makespan_s * (1.0 + share * (setting.mean_factors - 1.0))
    log_items = np.log(np.maximum(spread, 1e-6))
    sd = _relative_variance(found, setting) ** 0.5
    rng = np.random.default_rng(13579)
    factors = np.exp(np.repeat(log_items, 10) + sd * rng.standard_normal(10 * len(log_items)))
    low, high = np.quantile(factors, [0.05, 0.95])
    return Interval(
        median=found.makespan_s,
        low=found.makespan_s * min(1.0, float(low)),
        high=found.makespan_s * max(1.0, float(high)),
    )


def prediction_of(found: Estimate, setting: Setting) -> Prediction:
    """The domain's form of an estimate."""
    return Prediction(
        candidate=found.candidate,
        makespan_s=interval(found, setting),
        breakdown_s=found.breakdown_s,
        peak_memory_bytes=found.peak_memory_bytes,
        core_seconds=found.core_seconds,
        pool_wait_s=found.pool_wait_s,
        trial=setting.limits.verdict(found.candidate).trial,
    )
