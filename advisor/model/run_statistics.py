"""From an observed run to its phases, its parallelism, and its totals. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.domain.analysis import (
    PHASES,
    GanttBar,
    OpRole,
    OpStatistics,
    Parallelism,
    Phase,
    PhaseStatistics,
    Totals,
)
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.domain.quantities import Spread

WORK: tuple[Phase, ...] = ("load", "compute", "store")
BOOT: tuple[Phase, ...] = ("launch", "import and plan", "resources", "log capture")


@dataclass(frozen=True, slots=True)
class StepPhases:
    """One attempt with the seconds of each phase that its log shows."""

    step: ObservedStep
    seconds: Mapping[Phase, float]


def spread_of(values: Sequence[float]) -> Spread:
    """Median, 10th and 90th percentile."""
    low, median, high = np.percentile(np.asarray(values, dtype=float), (10, 50, 90))
    return Spread(median=float(median), p10=float(low), p90=float(high))


def begin_s(step: ObservedStep) -> float | None:
    """When the step got its slot: its launch, else the first thing that the log shows of it."""
    times = (
        step.worker_starting_s,
        step.worker_started_s,
        step.resource_init_started_s,
        step.start_s,
    )
    return next((time for time in times if time is not None), None)


def compute_s(step: ObservedStep) -> float | None:
    """Seconds of the op's own code: from its inputs to its output.

    With several outputs (a fan-out op) the storing between them is in it: the log does not tell
    them apart. A step that failed computed until its end.
    """
    if step.inputs_s is None:
        return None
    until = step.last_output_s if step.last_output_s is not None else step.end_s
    return None if until is None else max(0.0, until - step.inputs_s)


def mapped_steps(run: ObservedRun) -> list[ObservedStep]:
    """All attempts of mapped steps."""
    return [step for step in run.steps if step.mapping_key is not None]


def item_count(run: ObservedRun) -> int:
    """Mapping keys in the run: items, for a single fan-out."""
    return len({step.mapping_key for step in run.steps if step.mapping_key is not None})


def fan_out_step(run: ObservedRun) -> ObservedStep | None:
    """The plain step that ended last before the first mapped step began."""
    begins = [begin for step in mapped_steps(run) if (begin := begin_s(step)) is not None]
    if not begins:
        return None
    first = min(begins)
    before = [
        step
        for step in run.steps
        if step.mapping_key is None and step.end_s is not None and step.end_s <= first
    ]
    # Among several, the one with most outputs: what else ended there is upstream or unrelated.
    return max(before, key=lambda step: (step.outputs, step.end_s), default=None)


def collect_steps(run: ObservedRun) -> list[ObservedStep]:
    """Plain steps that began after the last mapped step had ended and load one value an item."""
    ends = [step.end_s for step in mapped_steps(run) if step.end_s is not None]
    if not ends:
        return []
    last, items = max(ends), item_count(run)
    return [
        step
        for step in run.steps
        if step.mapping_key is None
        and (begin := begin_s(step)) is not None
        and begin >= last
        and step.inputs >= max(1, items // 2)
    ]


def step_phases(run: ObservedRun) -> list[StepPhases]:
    """The phases of every attempt that ended, in the order of their begin.

    Phases that end before they begin (clocks of two machines) count 0.
    """
    ready = _ready_s(run)
    tails = _tails_s(run)
    found: list[StepPhases] = []
    for index, step in enumerate(run.steps):
        if step.end_s is None:
            continue
        seconds: dict[Phase, float] = {}
        begin = begin_s(step)
        if begin is not None and index in ready:
            seconds["wait for a slot"] = max(0.0, begin - ready[index])
        _between(seconds, "launch", step.worker_starting_s, step.worker_started_s)
        _between(seconds, "import and plan", step.worker_started_s, step.resource_init_started_s)
        _between(seconds, "resources", step.resource_init_started_s, step.resource_init_s)
        _between(seconds, "log capture", step.resource_init_s, step.start_s)
        _between(seconds, "load", step.start_s, step.inputs_s)
        if (computing := compute_s(step)) is not None:
            seconds["compute"] = computing
        _between(seconds, "store", step.last_output_s, step.end_s)
        if index in tails:
            seconds["tail"] = tails[index]
        found.append(StepPhases(step, seconds))
    return found


def op_statistics(runs: Sequence[ObservedRun]) -> tuple[OpStatistics, ...]:
    """Phases by op and way (executor, start method); ops in the order of their first step."""
    groups: dict[tuple[str, str], list[StepPhases]] = defaultdict(list)
    roles: dict[tuple[str, str], OpRole] = {}
    executors: dict[str, str] = {}
    for run in runs:
        executors[executor_way(run)] = run.executor
        fan_out = fan_out_step(run)
        collects = {step.op for step in collect_steps(run)}
        for phases in step_phases(run):
            step = phases.step
            key = (step.op, executor_way(run))
            groups[key].append(phases)
            roles[key] = _role(step, fan_out, collects)
    return tuple(
        replace(_statistics(op, roles[op, way], executors[way], steps), way=way)
        for (op, way), steps in groups.items()
    )


def executor_way(run: ObservedRun) -> str:
    """Executor and start method in words, warm where a preload list is configured."""
    if run.executor != "multiprocess":
        return run.executor.replace("_", " ")
    return f"multiprocess, {'warm ' if run.preload_modules else ''}{run.start_method}"


def parallelism(run: ObservedRun) -> Parallelism:
    """How many steps held a slot, and were at work, over the mapped part of the run.

    Without mapped steps all steps count.
    """
    steps = mapped_steps(run) or list(run.steps)
    over_s = run.end_s
    held = [
        (begin, step.end_s if step.end_s is not None else over_s)
        for step in steps
        if (begin := begin_s(step)) is not None
    ]
    worked = [
        (step.start_s, step.end_s if step.end_s is not None else over_s)
        for step in steps
        if step.start_s is not None
    ]
    window_s = max(e for _, e in held) - min(b for b, _ in held) if held else 0.0
    working_peak, any_s, two_s, total_s = _overlap(worked)
    return Parallelism(
        configured=run.max_concurrent,
        holding_peak=_overlap(held)[0],
        working_peak=working_peak,
        working_mean=total_s / window_s if window_s > 0 else 0.0,
        overlap=two_s / any_s if any_s > 0 else 0.0,
        window_s=window_s,
    )


def totals(run: ObservedRun, slots: int) -> Totals:
    """Wall clock against work."""
    makespan_s = makespan(run)
    work_s = sum(seconds for step in run.steps if (seconds := compute_s(step)) is not None)
    speed_up = work_s / makespan_s if makespan_s > 0 else 0.0
    return Totals(
        makespan_s=makespan_s,
        work_s=work_s,
        overhead_s=makespan_s - work_s,
        overhead_ratio=makespan_s / work_s if work_s > 0 else None,
        speed_up=speed_up,
        efficiency=speed_up / slots,
        slot_seconds=makespan_s * slots,
    )


def makespan(run: ObservedRun) -> float:
    """Seconds from the run's start (after queue and launch) to its last event."""
    return max(0.0, run.end_s - run.run_start_s)


def gantt_bars(run: ObservedRun) -> tuple[GanttBar, ...]:
    """Every attempt as a bar, in the lowest lane that was free when it began."""
    bars: list[GanttBar] = []
    free_at: list[float] = []
    for step in sorted(run.steps, key=lambda step: begin_s(step) or 0.0):
        begin = begin_s(step)
        if begin is None:
            continue
        end = max(begin, step.end_s if step.end_s is not None else run.end_s)
        lane = next((i for i, free in enumerate(free_at) if free <= begin), len(free_at))
        if lane == len(free_at):
            free_at.append(end)
        free_at[lane] = end
        start = None if step.start_s is None else max(begin, step.start_s)
        bars.append(
            GanttBar(
                step_key=step.step_key,
                lane=lane,
                begin_s=begin - run.run_start_s,
                end_s=end - run.run_start_s,
                work_start_s=None if start is None else start - run.run_start_s,
                work_end_s=None if start is None else end - run.run_start_s,
                failed=step.status in {"failure", "up_for_retry"},
            )
        )
    return tuple(bars)


def _between(
    seconds: dict[Phase, float], phase: Phase, first: float | None, last: float | None
) -> None:
    if first is not None and last is not None:
        seconds[phase] = max(0.0, last - first)


def _ready_s(run: ObservedRun) -> dict[int, float]:
    """Index of a mapped step's first attempt to when all that it waits for had ended.

    That is the fan-out, or the latest step of the same mapping key that ended before it began.
    """
    fan_out = fan_out_step(run)
    if fan_out is None or fan_out.end_s is None:
        return {}
    ends: dict[str, list[float]] = defaultdict(list)
    for step in run.steps:
        if step.mapping_key is not None and step.end_s is not None and step.status == "success":
            ends[step.mapping_key].append(step.end_s)
    ready: dict[int, float] = {}
    for index, step in enumerate(run.steps):
        begin = begin_s(step)
        if step.mapping_key is None or step.attempt > 1 or begin is None:
            continue
        earlier = [end for end in ends[step.mapping_key] if end <= begin]
        ready[index] = max([fan_out.end_s, *earlier])
    return ready


def _tails_s(run: ObservedRun) -> dict[int, float]:
    """Index of a step to the seconds from its end until its slot was given to another step.

    The k-th slot that is freed is taken by the k-th step after those that filled the slots first.
    Only where that step was ready by then, so that the slot was really waited for.
    """
    ready = _ready_s(run)
    begun = sorted((begin, i) for i in ready if (begin := begin_s(run.steps[i])) is not None)
    ended = sorted(
        (step.end_s, i)
        for i, step in enumerate(run.steps)
        if step.mapping_key is not None and step.end_s is not None
    )
    if not begun or not ended:
        return {}
    refills = begun[1 if run.executor == "in_process" else parallelism(run).slots :]
    tails: dict[int, float] = {}
    # Where a queue holds the next step (Celery), its slot is assumed to be taken at once.
    # In chains a step can wait for its own predecessor: what was ready only after the slot was
    # free tells nothing of the slot.
    for (end, index), (begin, following) in zip(ended, refills, strict=False):
        if run.steps[following].queued_s is not None:
            continue
        if begin >= end and ready[following] <= end:
            tails[index] = begin - end
    return tails


def _role(step: ObservedStep, fan_out: ObservedStep | None, collects: set[str]) -> OpRole:
    if step.mapping_key is not None:
        return "mapped"
    if fan_out is not None and step.op == fan_out.op:
        return "fan-out"
    return "collect" if step.op in collects else "other"


def _statistics(
    op: str, role: OpRole, executor: str, attempts: Sequence[StepPhases]
) -> OpStatistics:
    done = [found for found in attempts if found.step.status == "success"]
    phases: list[PhaseStatistics] = []
    for name in PHASES:
        values = [found.seconds[name] for found in done or attempts if name in found.seconds]
        if values:
            phases.append(PhaseStatistics(name, spread_of(values), sum(values), len(values)))
    held = [
        max(0.0, found.step.end_s - begin)
        for found in attempts
        if found.step.end_s is not None and (begin := begin_s(found.step)) is not None
    ]
    return OpStatistics(
        op=op,
        role=role,
        executor=executor,
        steps=len(done),
        attempts=len(attempts),
        failed=sum(found.step.status in {"failure", "up_for_retry"} for found in attempts),
        phases=tuple(phases),
        slot_s=spread_of(held) if held else Spread(0.0, 0.0, 0.0),
    )


def _overlap(spans: Sequence[tuple[float, float]]) -> tuple[int, float, float, float]:
    """Most at once; seconds with one or more; with two or more; summed."""
    events = sorted(
        [(begin, 1) for begin, end in spans if end > begin]
        + [(end, -1) for begin, end in spans if end > begin]
    )
    now, peak, any_s, two_s, total_s, last = 0, 0, 0.0, 0.0, 0.0, 0.0
    for at, change in events:
        if now >= 1:
            any_s += at - last
            total_s += now * (at - last)
        if now >= 2:
            two_s += at - last
        now += change
        peak = max(peak, now)
        last = at
    return peak, any_s, two_s, total_s
