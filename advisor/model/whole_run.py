"""One run with several fan-outs: each has a setting of its own, the executor is that of all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor.domain.candidate import Candidate
from advisor.domain.fan_outs import waits_for
from advisor.domain.quantities import Interval
from advisor.domain.workload import WorkloadDescription
from advisor.model.estimators.multiprocess import simulated_run
from advisor.model.prediction import Predictor
from advisor.model.run_plan import RunPlan
from advisor.model.setting import Setting, step_price
from advisor.model.timeline import MultiprocessRun

SIMULATED_STEPS = 200
"""Mapped steps of each fan-out, of those that are simulated side by side."""


@dataclass(frozen=True, slots=True)
class FanOutPart:
    """One fan-out as a part of the run: what predicts it, with the steps that are its own."""

    description: WorkloadDescription
    predictor: Predictor


def own_settings(
    parts: Sequence[tuple[WorkloadDescription, Setting]],
) -> list[tuple[WorkloadDescription, Setting]]:
    """The settings of fan-outs of one job, where every further step of it belongs to one alone.

    A step before one is its first's, a collecting one that fans out in turn its own's, and what
    is outside of all the first's. So are the seconds of an op that fans out by several outputs.
    """
    inside = {op.handle for part, _ in parts for op in part.mapped}
    inside |= {part.fan_out.handle for part, _ in parts if part.fan_out}
    first = parts[0][0]
    steps = 1 + len(first.mapped) + len(first.upstream) + len(first.collects) + first.other_steps
    handles = set(inside)
    settings: list[tuple[WorkloadDescription, Setting]] = []
    for part, setting in parts:
        before = {op.handle for op in part.upstream} - handles
        after = {op.handle for op in part.collects} - handles
        handles |= before | after
        items = setting.items if before else replace(setting.items, upstream_s=0.0)
        if any(part.fan_out == other.fan_out for other, _ in settings):
            items = replace(items, fan_out_s=0.0)
        own = replace(setting, items=items, before_steps=len(before), after_steps=len(after))
        settings.append((part, own))
    part, setting = settings[0]
    outside = max(0, steps - len(handles))
    settings[0] = (part, replace(setting, after_steps=setting.after_steps + outside))
    return settings


def makespan_s(parts: Sequence[FanOutPart], ways: Sequence[Candidate]) -> Interval:
    """The makespan of the run, each fan-out run its way; their executors are alike.

    Fan-outs that wait for no other share the slots; one that waits for another begins when that
    has ended.

    Raises:
        NoModelError: There is no prediction of a way.
    """
    levels = _levels([part.description for part in parts])
    total = Interval(0.0, 0.0, 0.0)
    for level in levels:
        total = total.plus(
            _together_s([parts[place] for place in level], [ways[place] for place in level])
        )
    total = total.later(-(len(levels) - 1) * _once_s(ways[0], parts[0].predictor.setting))
    return Interval(*(max(0.0, value) for value in (total.median, total.low, total.high)))


def _levels(descriptions: Sequence[WorkloadDescription]) -> list[list[int]]:
    """Places of the fan-outs: those that wait for none, then those that wait for these, ..."""
    depth: dict[str, int] = {}

    def depth_of(description: WorkloadDescription) -> int:
        handle = description.fan_out.handle if description.fan_out else ""
        if handle not in depth:
            before = waits_for(description, descriptions)
            others = [d for d in descriptions if d.fan_out and d.fan_out.handle in before]
            depth[handle] = 1 + max(map(depth_of, others), default=-1)
        return depth[handle]

    levels: dict[int, list[int]] = {}
    for place, description in enumerate(descriptions):
        levels.setdefault(depth_of(description), []).append(place)
    return [levels[level] for level in sorted(levels)]


def _once_s(way: Candidate, setting: Setting) -> float:
    """What a run takes once, however many fan-outs it has."""
    overhead, cli_s = setting.overhead, 0.0
    if way.launch == "cli":
        cli_s = overhead.cli_start_s or 0.0
    if way.executor == "multiprocess":
        price = step_price(way, setting)
        return cli_s + price.start_s + price.server_start_s + price.end_s
    bare = way.launch == "execute_in_process"
    serial = overhead.execute_in_process if bare else overhead.in_process
    return cli_s + serial.start_s + serial.end_s


def _together_s(parts: Sequence[FanOutPart], ways: Sequence[Candidate]) -> Interval:
    """Fan-outs that wait for none of each other, in one run."""
    total = Interval(0.0, 0.0, 0.0)
    for part, way in zip(parts, ways, strict=True):
        total = total.plus(part.predictor.predict(way).makespan_s)
    if len(parts) == 1:
        return total
    if ways[0].executor == "multiprocess" and ways[0].max_concurrent > 1:
        return total.times(_beside_each_other(parts, ways))
    return total.later(-(len(parts) - 1) * _once_s(ways[0], parts[0].predictor.setting))


def _beside_each_other(parts: Sequence[FanOutPart], ways: Sequence[Candidate]) -> float:
    """Seconds of fan-outs that share the slots, over the sum of each alone, as simulated."""
    runs: list[MultiprocessRun] = []
    for part, way in zip(parts, ways, strict=True):
        simulations = part.predictor.simulations_of(way)
        steps = min(SIMULATED_STEPS, way.steps(simulations.setting.items.count))
        runs.append(simulated_run(way, simulations, steps))
    first = runs[0]
    together = MultiprocessRun(
        first.overhead,
        _merged([run.queue.plan for run in runs]),
        cores=parts[0].predictor.setting.capacity,
        max_concurrent=first.max_concurrent,
        stretch=first.stretch,
    )
    return together.run().makespan_s / sum(run.run().makespan_s for run in runs)


def _merged(plans: Sequence[RunPlan]) -> RunPlan:
    """The mapped chains of several plans in one; shorter ones skip the last stages.

    Limits of pools and tags are each plan's own, of stages that are counted otherwise here.
    """
    longest = max(len(plan.mapped[0]) for plan in plans)
    return RunPlan(
        before=tuple(step for plan in plans for step in plan.before),
        mapped=[
            [*chain, *[None] * (longest - len(chain))] for plan in plans for chain in plan.mapped
        ],
        after=tuple(step for plan in plans for step in plan.after),
        depth_first=any(plan.depth_first for plan in plans),
        total_items=sum(plan.total_items or len(plan.mapped) for plan in plans),
    )


def executor_of(way: Candidate) -> tuple[object, ...]:
    """What of a way is the whole job's: launch, executor and its config."""
    return way.launch, way.executor, way.start_method, way.is_warm, way.max_concurrent


def alike(ways: Sequence[Candidate], to: Candidate) -> list[Candidate]:
    """The ways that have the executor of another, whose preload list they take over."""
    return [
        replace(way, preload_modules=to.preload_modules)
        for way in ways
        if executor_of(way) == executor_of(to)
    ]


def plain(way: Candidate) -> Candidate:
    """The same executor without any change of code."""
    return replace(
        way, batch_size=1, workers_in_op=1, worker_kind=None, depth_first=False, op_threads=None
    )
