"""From an observed run to its phases, its parallelism, and its totals. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.domain.analysis import (
    Parallelism,
    Phase,
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
    """Median, 10th and 90th percentile; zeros of no values."""
    if not values:
        return Spread(0.0, 0.0, 0.0)
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
    until = code_end_s(step)
    return None if until is None else max(0.0, until - step.inputs_s)


def code_end_s(step: ObservedStep) -> float | None:
    """When the op's own code had given its last output, or ended without one."""
    return step.last_output_s if step.last_output_s is not None else step.end_s


def held_s(step: ObservedStep) -> float | None:
    """Seconds from the slot to the end; None where the log has not both."""
    begin = begin_s(step)
    return None if begin is None or step.end_s is None else max(0.0, step.end_s - begin)


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
    ready = ready_s(run)
    tails = tails_s(run)
    phases: list[StepPhases] = []
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
        phases.append(StepPhases(step, seconds))
    return phases


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
    working_peak, any_s, two_s, total_s = overlap(worked)
    return Parallelism(
        configured=run.max_concurrent,
        holding_peak=overlap(held)[0],
        working_peak=working_peak,
        working_mean=total_s / window_s if window_s > 0 else 0.0,
        overlap=two_s / any_s if any_s > 0 else 0.0,
        window_s=window_s,
    )


def makespan(run: ObservedRun) -> float:
    """Seconds from the run's start (after queue and launch) to its last event."""
    return max(0.0, run.end_s - run.run_start_s)


def _between(
    seconds: dict[Phase, float], phase: Phase, first: float | None, last: float | None
) -> None:
    if first is not None and last is not None:
        seconds[phase] = max(0.0, last - first)


def ready_s(run: ObservedRun) -> dict[int, float]:
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


def tails_s(run: ObservedRun) -> dict[int, float]:
    """Index of a step to the seconds from its end until its slot was given to another step.

    The k-th slot that is freed is taken by the k-th step after those that filled the slots first.
    Only where that step was ready by then, so that the slot was really waited for.
    """
    ready = ready_s(run)
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


def overlap(spans: Sequence[tuple[float, float]]) -> tuple[int, float, float, float]:
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
