"""Dagster's multiprocess executor: a process per step, simulated event by event."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from advisor.domain.advice import Breakdown
from advisor.domain.candidate import Candidate
from advisor.domain.overhead import MultiprocessOverhead
from advisor.model.batches import (
    batch_seconds,
    batch_transfers_s,
    drawn_batch_seconds,
    least_work_s,
    of_batches,
    step_extra,
    worker_start,
)
from advisor.model.estimate import Estimate, ExecutorModel
from advisor.model.listing import Calls
from advisor.model.memory import peak_memory_bytes
from advisor.model.run_plan import RunPlan, StepWork, Timeline
from advisor.model.scheduling import MANY_STEPS, list_schedule, simulated_sizes
from advisor.model.setting import (
    Setting,
    call_kind,
    ends_transfer_s,
    pools_of,
    stages_of,
    step_price,
    steps_at_once,
    tag_limits_of,
)
from advisor.model.simulations import Simulations
from advisor.model.stage import ExtraCost, FloatArray, Stage
from advisor.model.timeline import MultiprocessRun

Run = TypeVar("Run", bound=MultiprocessRun)

Sizes = Sequence[tuple[int, float]]
"""Steps that are simulated, and the weight of each such run."""


def _step(
    seconds: Sequence[float],
    stages: Sequence[Stage],
    first: ExtraCost,
    events: float,
    messages: float,
) -> StepWork:
    """A step that calls the ops of ``stages``; one that computes on several cores has threads.

    Args:
        seconds: Wall clock, CPU, loading and storing.
        first: What comes before: first calls, and starting workers. Hooks, which come after, are
            added to it.
        events: That its calls have Dagster record.
        messages: Of them, those that go to the parent.
    """
    wall_s, cpu_s, load_s, store_s = map(float, seconds)
    threads = max(1.0, cpu_s / wall_s) if wall_s > 0 else 1.0
    return StepWork(
        cpu_s=cpu_s,
        wait_s=max(0.0, wall_s - cpu_s / threads),
        threads=threads,
        load_s=load_s,
        store_s=store_s,
        io_wait_share=max(stage.io_wait_share for stage in stages),
        events=events,
        messages=messages,
        first_s=first.cpu_s + sum(stage.hooks.cpu_s for stage in stages),
        first_wait_s=first.wait_s + sum(stage.hooks.wait_s for stage in stages),
        resources_s=sum(stage.resources.cpu_s for stage in stages),
        resources_wait_s=sum(stage.resources.wait_s for stage in stages),
    )


def _batches(candidate: Candidate, simulations: Simulations, limit: int) -> list[list[StepWork]]:
    """The first steps of a batched candidate: one stage that runs the whole chain."""
    setting = simulations.setting
    items = setting.items
    started = worker_start(candidate, setting)
    extra = step_extra(candidate, items.stages, call_kind(candidate))
    first = ExtraCost(started.cpu_s + extra.cpu_s, started.wait_s + extra.wait_s)
    events, messages = (each * candidate.batch_size for each in (items.events, items.messages))
    dealt = simulations.dealt(candidate.steps(items.count))[:limit]
    columns = (
        batch_seconds(candidate, simulations, limit),
        of_batches(items.cpu_s, simulations, dealt),
        batch_transfers_s(candidate, simulations, limit) / 2,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        [_step((wall_s, cpu_s, half_s, half_s), items.stages, first, events, messages)]
        for wall_s, cpu_s, half_s in rows
    ]


def _mapped_steps(
    candidate: Candidate, simulations: Simulations, limit: int
) -> Sequence[Sequence[StepWork | None]]:
    if candidate.is_batched:
        return _batches(candidate, simulations, limit)
    stages, call = simulations.setting.items.stages, call_kind(candidate)
    columns = [(each, (each.wall_s, each.cpu_s, each.load_s, each.store_s)) for each in stages]
    calls = simulations.thinned(limit).tolist()
    chains = {
        index: [
            _step(
                [c[index] for c in seconds],
                (each,),
                each.first_call_extra(call),
                each.events,
                each.messages,
            )
            if each.takers is None or each.takers[index]
            else None
            for each, seconds in columns
        ]
        for index in set(calls)
    }
    return [chains[index] for index in calls]


def _overhead(candidate: Candidate, setting: Setting) -> MultiprocessOverhead:
    """The host's, with the imports that a warm server makes before its first fork."""
    price = step_price(candidate, setting)
    if not candidate.is_warm:
        return price
    stages = setting.items.stages
    imported_s = sum(s.first.wall_s - min(s.first.wall_s, s.preloaded.wall_s) for s in stages)
    return replace(price, server_start_s=price.server_start_s + imported_s)


def run_plan(candidate: Candidate, simulations: Simulations, limit: int) -> RunPlan:
    """The first ``limit`` mapped steps, what comes before them, and what collects."""
    setting = simulations.setting
    items = setting.items
    mapped = _mapped_steps(candidate, simulations, limit)
    share = len(mapped) / candidate.steps(items.count)
    stored_s, loaded_s = (share * moved_s for moved_s in ends_transfer_s(candidate, setting))
    waits = [end.wait_share if end else 0.0 for end in (items.yielded, items.collected)]
    upstream = StepWork(items.upstream_s / max(1, setting.before_steps))
    fan_out = StepWork(
        items.fan_out_s * share, store_s=stored_s, outputs=len(mapped), io_wait_share=waits[0]
    )
    after: tuple[StepWork, ...] = ()
    if setting.after_steps:
        collect = StepWork(
            items.collect_s * share, load_s=loaded_s, inputs=len(mapped), io_wait_share=waits[1]
        )
        after = (collect,) + (StepWork(0.0),) * (setting.after_steps - 1)
    return RunPlan(
        (*[upstream] * setting.before_steps, fan_out),
        mapped,
        after,
        depth_first=setting.depth_first or candidate.depth_first,
        total_items=candidate.steps(items.count),
        stage_pools=pools_of(candidate, setting),
        pool_limits=setting.pool_limits,
        tag_limits=tag_limits_of(candidate, setting),
    )


def simulated_run(
    candidate: Candidate,
    simulations: Simulations,
    steps: int,
    kind: type[Run] = MultiprocessRun,  # type: ignore[assignment]
) -> Run:
    """A run of a candidate's first ``steps`` mapped steps, to be simulated."""
    setting = simulations.setting
    return kind(
        _overhead(candidate, setting),
        run_plan(candidate, simulations, steps),
        cores=setting.capacity,
        max_concurrent=candidate.max_concurrent,
        stretch=setting.contention.among_steps(candidate.workers_in_op),
    )


def _timeline(candidate: Candidate, simulations: Simulations, steps: int) -> Timeline:
    """The simulated run of a candidate's first ``steps`` mapped steps."""
    key = candidate.without_command_line, steps
    if key not in simulations.timelines:
        simulations.timelines[key] = simulated_run(candidate, simulations, steps).run()
    return simulations.timelines[key]


def _breakdown(timeline: Timeline, fixed_s: float, slots: int) -> Breakdown:
    """The makespan by what a slot does.

    What is left of it is the parent's coordination, of which the slots wait for each other's
    end for all but one slot's share.
    """
    used_s = timeline.work_s + timeline.launch_s + timeline.serialize_s + fixed_s
    rest_s = max(0.0, timeline.makespan_s - used_s)
    idle_s = rest_s * (1.0 - 1.0 / slots) if slots > 1 else 0.0
    scale = timeline.makespan_s / max(used_s + rest_s, 1e-12)
    return Breakdown(
        work_s=timeline.work_s * scale,
        launch_s=(timeline.launch_s + fixed_s) * scale,
        serialize_s=timeline.serialize_s * scale,
        coordinate_s=(rest_s - idle_s) * scale,
        idle_s=idle_s * scale,
    )


def _draws_s(
    candidate: Candidate, simulations: Simulations, timeline: Timeline, sizes: Sizes
) -> FloatArray:
    """Makespans of the draws; what computes has its share of the cores."""
    setting = simulations.setting
    items = setting.items
    extra_s = sum(
        stage.first_call_extra(call_kind(candidate)).wall_s
        + stage.resources.wall_s
        + stage.hooks.wall_s
        for stage in items.stages
    )
    step_s = _overhead(candidate, setting).step_s * stages_of(candidate, setting) + extra_s
    slots = min(steps_at_once(candidate, setting), candidate.steps(items.count))
    share = float(items.cpu_s.mean()) / max(1e-9, float(items.wall_s.mean()))
    crowd = max(1.0, slots * min(1.0, share) / setting.capacity)
    return scheduled_draws(
        candidate, simulations, timeline, sizes, slots=slots, step_s=step_s, crowd=crowd
    )


def scheduled_draws(
    candidate: Candidate,
    simulations: Simulations,
    timeline: Timeline,
    sizes: Sizes,
    *,
    slots: int,
    step_s: float,
    crowd: float = 1.0,
) -> FloatArray:
    """Makespans of the draws: the simulation, moved by what list scheduling says of each draw.

    Args:
        crowd: Times as long as alone that the work of a step takes.
    """
    walls_s = simulations.setting.items.wall_s

    def seconds(lists: Calls, limit: int | None) -> FloatArray:
        if candidate.is_batched:
            each_s = drawn_batch_seconds(candidate, simulations, lists, limit)
        else:
            each_s = walls_s[lists if limit is None else simulations.thinned(limit)[None]]
        return list_schedule(each_s * crowd + step_s, slots)

    return simulations.draws_s(timeline.makespan_s, timeline.work_s, seconds, sizes)


def estimate(candidate: Candidate, simulations: Simulations) -> Estimate:
    """A multiprocess candidate's estimate, of its simulated timeline.

    Raises:
        NoModelError: Its start method could not be calibrated.
    """
    setting = simulations.setting
    overhead = _overhead(candidate, setting)
    steps = candidate.steps(setting.items.count)
    sizes = simulated_sizes(steps, steps_at_once(candidate, setting))
    timeline = Timeline.weighted(
        [(_timeline(candidate, simulations, size), weight) for size, weight in sizes]
    )
    fixed_s = overhead.start_s + overhead.end_s + overhead.server_start_s
    return Estimate(
        candidate,
        timeline.makespan_s,
        _draws_s(candidate, simulations, timeline, sizes),
        _breakdown(timeline, fixed_s, min(steps_at_once(candidate, setting), steps)),
        timeline.core_seconds,
        peak_memory_bytes(candidate, setting),
        max(0.0, timeline.pool_wait_s),
    )


def _first_result_s(candidate: Candidate, simulations: Simulations) -> float:
    """Long runs are cut to their first items: breadth first, the rest of stage one is added."""
    setting = simulations.setting
    limit = min(setting.items.count, MANY_STEPS)
    depth_first = setting.depth_first or candidate.depth_first
    first_s = _timeline(candidate, simulations, limit).first_result_s
    return first_s * (1.0 if depth_first else setting.items.count / limit)


def _least_s(candidate: Candidate, setting: Setting) -> float:
    items = setting.items
    steps = candidate.steps(items.count)
    price = step_price(candidate, setting)
    slots = min(steps_at_once(candidate, setting), steps)
    plain = 1 + setting.before_steps + setting.after_steps
    serial_s = price.start_s + price.end_s + price.server_start_s + plain * price.child_step_s
    children_s = steps * price.child_step_s
    in_slots_s = (children_s + least_work_s(candidate, setting)) / slots
    on_cores_s = (children_s + items.count * float(items.cpu_s.mean())) / setting.capacity
    return serial_s + max(in_slots_s, on_cores_s)


MODEL = ExecutorModel(
    estimate,
    _least_s,
    lambda candidate, setting: step_price(candidate, setting).step_s,
    _first_result_s,
)
