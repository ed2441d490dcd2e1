"""What one run's event log shows of a run's overhead, whether of a calibration or of a past run.

Where steps ran one at a time each phase is its mean; where they ran beside each other, it is taken
where it was least disturbed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean
from typing import TypeVar

import numpy as np

from advisor.domain.dagster_facts import EVENTS_PER_STEP, PARENT_STEP_S
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.domain.overhead import InProcessOverhead, MultiprocessOverhead
from advisor.model.run_statistics import (
    collect_steps,
    compute_s,
    fan_out_step,
    mapped_steps,
    parallelism,
    tails_s,
)

LEAST_DISTURBED = 10
"""Percentile of a phase among steps that ran beside others."""

Overhead = TypeVar("Overhead", InProcessOverhead, MultiprocessOverhead)
_NO_SECONDS = frozenset({
    "parent_step_s", "parent_wait_s", "claim_s", "wait_share", "output_events"
})  # fmt: skip
"""Figures that `at_pace` leaves alone: measured apart."""


def mean_of(values: Sequence[float]) -> float:
    """The mean; 0 of none."""
    return fmean(values) if values else 0.0


def spans_s(steps: Sequence[object], first: str, last: str) -> list[float]:
    """Seconds from one moment to another, of the steps that have both; never below 0."""
    bounds = ((getattr(step, first), getattr(step, last)) for step in steps)
    return [max(0.0, end - begin) for begin, end in bounds if begin is not None and end is not None]


def merged(overheads: Sequence[Overhead], typical: Callable[[Sequence[float]], float]) -> Overhead:
    """One overhead of several runs': the typical value of each of its figures."""
    first = overheads[0]
    names = first.__slots__
    return replace(first, **{n: typical([getattr(one, n) for one in overheads]) for n in names})


def multiprocess_overhead(run: ObservedRun) -> MultiprocessOverhead:
    """What a multiprocess run charges, the parent's part in it included (see `with_parent`)."""
    done = [step for step in run.steps if step.status == "success"]
    mapped = [step for step in done if step.mapping_key is not None]
    alone = parallelism(run).holding_peak <= 1

    def typical(values: Sequence[float]) -> float:
        if alone or not values:
            return mean_of(values)
        return float(np.percentile(np.asarray(values), LEAST_DISTURBED))

    first_boot_s = mean_of(spans_s(done[:1], "worker_starting_s", "worker_started_s"))
    boot_s = typical(spans_s(done[1:] or done, "worker_starting_s", "worker_started_s"))
    load_s = typical(spans_s(mapped, "start_s", "inputs_s"))
    tail_s = typical(_tails_alone_s(run) if alone else list(tails_s(run).values()))
    starts = [step.worker_starting_s for step in run.steps if step.worker_starting_s is not None]
    ends = [step.end_s for step in run.steps if step.end_s is not None]
    return MultiprocessOverhead(
        start_s=max(0.0, min(starts, default=run.run_start_s) - run.run_start_s),
        server_start_s=0.0 if run.start_method == "spawn" else max(0.0, first_boot_s - boot_s),
        boot_s=boot_s,
        prepare_s=typical(spans_s(done, "worker_started_s", "start_s")),
        load_s=load_s,
        finish_s=typical(spans_s(mapped, "first_output_s", "end_s")),
        exit_s=tail_s,
        fan_out_output_s=output_s(run),
        collect_input_s=input_s(run, load_s),
        end_s=max(0.0, run.end_s - max(ends, default=run.end_s) - tail_s),
        parent_step_s=0.0,
    )


def with_parent(
    overhead: MultiprocessOverhead, parent_step_s: float = PARENT_STEP_S, parent_wait_s: float = 0.0
) -> MultiprocessOverhead:
    """The overhead with the parent's part taken out of what a step's process seems to take.

    The parent logs STEP_WORKER_STARTING, and waits until that is stored, before the process
    starts; between STEP_SUCCESS and the next STEP_WORKER_STARTING it takes the last events, while
    the process exits.
    """
    turn_s = parent_step_s / EVENTS_PER_STEP
    return replace(
        overhead,
        boot_s=max(0.005, overhead.boot_s - turn_s - parent_wait_s),
        exit_s=max(0.0, overhead.exit_s - 3 * turn_s),
        parent_step_s=parent_step_s,
        parent_wait_s=parent_wait_s,
    )


def at_pace(overhead: Overhead, pace: float) -> Overhead:
    """The overhead with all its phases so many times as long."""
    names = [name for name in overhead.__slots__ if name not in _NO_SECONDS]
    return replace(overhead, **{name: getattr(overhead, name) * pace for name in names})


def in_process_overhead(
    run: ObservedRun, work_s: Callable[[ObservedStep], float | None] = compute_s
) -> InProcessOverhead:
    """What a serial run charges: the gaps between its steps, less the work in each."""
    mapped = [step for step in mapped_steps(run) if step.start_s is not None]
    mapped.sort(key=lambda step: step.start_s or 0.0)
    gaps = [
        max(0.0, (after.start_s or 0.0) - (before.start_s or 0.0) - (work_s(before) or 0.0))
        for before, after in pairwise(mapped)
        if before.op == after.op
    ]
    load_s = mean_of(spans_s(mapped, "start_s", "inputs_s"))
    starts = [step.start_s for step in run.steps if step.start_s is not None]
    ends = [step.end_s for step in run.steps if step.end_s is not None]
    return InProcessOverhead(
        start_s=max(0.0, min(starts, default=run.run_start_s) - run.run_start_s),
        step_s=mean_of(gaps) if gaps else load_s,
        fan_out_output_s=output_s(run),
        collect_input_s=input_s(run, load_s),
        end_s=max(0.0, run.end_s - max(ends, default=run.end_s)),
    )


def output_s(run: ObservedRun) -> float:
    """The fan-out's seconds for one output: from the first one until the last one is stored."""
    fan_out = fan_out_step(run)
    if fan_out is None or fan_out.first_output_s is None:
        return 0.0
    stored_s = fan_out.stored_s or fan_out.end_s or fan_out.first_output_s
    return max(0.0, stored_s - fan_out.first_output_s) / max(1, fan_out.outputs)


def input_s(run: ObservedRun, load_s: float) -> float:
    """The collect's seconds for one value, beyond what loading one takes any step."""
    return mean_of(
        [
            max(0.0, step.inputs_s - step.start_s - load_s) / step.inputs
            for step in collect_steps(run)
            if step.inputs_s is not None and step.start_s is not None and step.inputs
        ]
    )


def _tails_alone_s(run: ObservedRun) -> list[float]:
    """STEP_SUCCESS of a step to STEP_WORKER_STARTING of the next, at one step at a time."""
    return [
        max(0.0, after.worker_starting_s - before.end_s)
        for before, after in pairwise(run.steps)
        if before.end_s is not None and after.worker_starting_s is not None
    ]
