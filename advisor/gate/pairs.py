"""The ops of a target in pairs of fresh processes of base and head, look by look."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

from advisor.domain.gate import Obstacle, OpTiming
from advisor.gate import comparison
from advisor.gate.measuring import PairedTimings, measure_pairs
from advisor.gate.options import CheckOptions
from advisor.gate.orders import OpSurvey
from advisor.gate.subject import Subject, item_seconds, not_timed, timed
from advisor.measure.ops.results import Parts, differing
from advisor.measure.progress import Progress


def time_pairs(
    subject: Subject, plan: comparison.LookPlan, options: CheckOptions, progress: Progress
) -> tuple[OpTiming, ...]:
    """Time the ops that work on both sides in pairs of fresh processes, look by look."""

    def compared(timings: PairedTimings) -> dict[str, comparison.Comparison]:
        pairs = {
            op.handle: [
                comparison.pair_value(base.calls_s, head.calls_s)
                for base, head in zip(timings.base[op.handle], timings.head[op.handle], strict=True)
            ]
            for op in subject.comparable
            if op.handle not in timings.failed
        }
        return comparison.compare(pairs, plan, max_regression=options.max_regression)

    timings = measure_pairs(
        subject.measurer,
        [op.handle for op in subject.comparable],
        plan.max_pairs,
        still_open=lambda timings: comparison.still_open(compared(timings), plan),
        seed=options.seed if options.seed is not None else time.time_ns(),
        progress=progress,
    )
    comparisons = compared(timings)

    same_inputs = subject.same_inputs

    def conclusion(op: OpSurvey) -> OpTiming:
        if op.handle in timings.failed:
            side, reason = timings.failed[op.handle]
            return not_timed(op, Obstacle.FAILED, f"at {side}: {reason}")
        sides = timings.base[op.handle], timings.head[op.handle]
        base_s, head_s = (statistics.median(item_seconds(side)) for side in sides)
        outcome = timed(op, comparisons[op.handle], base_s, head_s)
        results = [[calls.result for calls in side] for side in sides]
        return replace(outcome, other_results=_other_parts(*results)) if same_inputs else outcome

    return tuple(map(conclusion, subject.comparable))


def _other_parts(base: Sequence[Parts], head: Sequence[Parts]) -> tuple[str, ...]:
    """Parts of a result that are the same in all processes of a side, and differ at head."""
    if min(len(base), len(head)) < 2:
        return ()
    unstable = set[str]().union(
        *(differing(side[0], other) for side in (base, head) for other in side[1:])
    )
    return tuple(sorted(differing(base[0], head[0]) - unstable))
