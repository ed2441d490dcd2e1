"""Past runs in figures: phases by op, wall clock against work, bars of the chart. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from advisor.domain.analysis import (
    PHASES,
    GanttBar,
    OpRole,
    OpStatistics,
    PhaseStatistics,
    Totals,
)
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.model.run_statistics import (
    StepPhases,
    begin_s,
    code_end_s,
    collect_steps,
    compute_s,
    fan_out_step,
    held_s,
    makespan,
    ready_s,
    spread_of,
    step_phases,
    tails_s,
)


def op_statistics(runs: Sequence[ObservedRun]) -> tuple[OpStatistics, ...]:
    """Phases by op and way (executor, start method); ops in the order of their first step."""
    groups: dict[tuple[str, str], list[StepPhases]] = defaultdict(list)
    kinds: dict[tuple[str, str], tuple[OpRole, str]] = {}
    for run in runs:
        fan_out, way = fan_out_step(run), executor_way(run)
        collects = {step.op for step in collect_steps(run)}
        for phases in step_phases(run):
            groups[phases.step.op, way].append(phases)
            kinds[phases.step.op, way] = _role(phases.step, fan_out, collects), run.executor
    return tuple(
        _statistics(op, way, *kinds[op, way], steps) for (op, way), steps in groups.items()
    )


def executor_way(run: ObservedRun) -> str:
    """Executor and start method in words, and whether a preload list is configured."""
    return f"multiprocess, {start_way(run)}" if run.executor == "multiprocess" else start_way(run)


def start_way(run: ObservedRun) -> str:
    """How steps start: the start method under multiprocess, else the executor's name."""
    if run.executor != "multiprocess":
        return run.executor.replace("_", " ")
    return f"{run.start_method}{' with preload' if run.preload_modules else ''}"


def work_and_overhead_s(steps: Sequence[ObservedStep]) -> tuple[list[float], list[float]]:
    """Computing of each successful step, and all else that it held its slot for."""
    pairs = [
        (work, max(0.0, held - work))
        for step in steps
        if step.status == "success"
        and (work := compute_s(step)) is not None
        and (held := held_s(step)) is not None
    ]
    return [work for work, _ in pairs], [overhead for _, overhead in pairs]


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


def gantt_bars(run: ObservedRun) -> tuple[GanttBar, ...]:
    """Every attempt as a bar, in the lowest lane that was free when it began.

    Their moments count from the run's start.
    """
    bars: list[GanttBar] = []
    free_at: list[float] = []
    ready, tails = ready_s(run), tails_s(run)

    def since_start_s(at_s: float | None) -> float | None:
        return None if at_s is None else at_s - run.run_start_s

    for index, step in sorted(enumerate(run.steps), key=lambda each: begin_s(each[1]) or 0.0):
        begin = begin_s(step)
        if begin is None:
            continue
        end = max(begin, step.end_s if step.end_s is not None else run.end_s)
        lane = next((i for i, free in enumerate(free_at) if free <= begin), len(free_at))
        free_at[lane : lane + 1] = [end]
        start_s = None if step.start_s is None else max(begin, step.start_s)
        code_s = code_end_s(step)
        ran = start_s is not None and step.inputs_s is not None and code_s is not None
        bars.append(
            GanttBar(
                step_key=step.step_key,
                lane=lane,
                begin_s=begin - run.run_start_s,
                end_s=end - run.run_start_s,
                work_start_s=since_start_s(start_s),
                work_end_s=None if start_s is None else end - run.run_start_s,
                failed=step.status in {"failure", "up_for_retry"},
                ready_s=since_start_s(ready.get(index)),
                free_s=since_start_s(end + tails[index] if index in tails else None),
                code_start_s=since_start_s(step.inputs_s) if ran else None,
                code_end_s=since_start_s(code_s) if ran else None,
            )
        )
    return tuple(bars)


def _role(step: ObservedStep, fan_out: ObservedStep | None, collects: set[str]) -> OpRole:
    if step.mapping_key is not None:
        return "mapped"
    if fan_out is not None and step.op == fan_out.op:
        return "fan-out"
    return "collect" if step.op in collects else "other"


def _statistics(
    op: str, way: str, role: OpRole, executor: str, attempts: Sequence[StepPhases]
) -> OpStatistics:
    done = [attempt for attempt in attempts if attempt.step.status == "success"]
    phases: list[PhaseStatistics] = []
    for name in PHASES:
        values = [attempt.seconds[name] for attempt in done or attempts if name in attempt.seconds]
        if values:
            phases.append(PhaseStatistics(name, spread_of(values), sum(values), len(values)))
    held = [seconds for each in attempts if (seconds := held_s(each.step)) is not None]
    return OpStatistics(
        op=op,
        way=way,
        role=role,
        executor=executor,
        steps=len(done),
        attempts=len(attempts),
        failed=sum(attempt.step.status in {"failure", "up_for_retry"} for attempt in attempts),
        phases=tuple(phases),
        slot_s=spread_of(held),
    )
