"""The parts of the gate, in order: survey both sides of a target, plan the looks, time its ops."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from advisor.domain.errors import ConfigurationError, DynadviseError, TargetError
from advisor.domain.gate import AdviceCheck, Obstacle, OpTiming
from advisor.domain.options import CheckOptions
from advisor.gate import comparison
from advisor.gate.against_profile import PROCESSES, not_comparable, on_head, time_against_profile
from advisor.gate.inspection import Inspected
from advisor.gate.measuring import PairedTimings, measure_pairs
from advisor.gate.orders import OpSurvey, Side, Survey
from advisor.gate.subject import NotSurveyed, Subject, item_seconds, not_timed, timed, untimed
from advisor.gate.surroundings import Surroundings
from advisor.gate.worktree import BaseTree
from advisor.measure.ops.results import Parts, differing
from advisor.measure.progress import Progress

NO_PROFILE = AdviceCheck(None, reason="not checked: there is no committed profile of this target")


@dataclass(frozen=True, slots=True)
class Gate:
    """What is asked, of which world, and who is told how far it is."""

    options: CheckOptions
    surroundings: Surroundings
    progress: Progress


def announcement(options: CheckOptions, targets: Sequence[str]) -> str:
    """What will run, and how often."""
    if options.base:
        how = f"at {options.base} and at head, then in at most {options.pairs} pairs of processes, "
        how += "two in parallel that take turns"
    else:
        how = f"then in {PROCESSES} processes where the profile is of this host class"
    return (
        f"check runs your code: for {', '.join(targets)}, the fan-out op and the mapped ops "
        f"on up to {options.samples} items, {how} (each calls every op again)."
    )


def planned_looks(options: CheckOptions, subjects: Sequence[Subject] = ()) -> comparison.LookPlan:
    """When to look at the pairs of all ops that work on both sides.

    Raises:
        ConfigurationError: The pairs that are allowed are too few to decide anything.
    """
    ops = sum(len(subject.comparable) for subject in subjects)
    try:
        return comparison.plan_looks(options.pairs, max(1, ops))
    except ValueError as error:
        raise ConfigurationError(f"--pairs: {error}.") from None


def survey(gate: Gate, inspected: Inspected, base: BaseTree | None, folder: Path) -> Subject:
    """Call each op of a target once per item, at the base first and then at head."""
    options, world = gate.options, gate.surroundings
    target = inspected.target
    measurer = world.measurer(options, target, base, Path(tempfile.mkdtemp(dir=folder)))

    def side(name: Side, where: str) -> Survey | NotSurveyed:
        gate.progress(f"{target} at {where}", None)
        try:
            return measurer.survey(name)
        except DynadviseError as error:
            # With details it is an exception of the user's code, while it was imported.
            new = name == "base" and isinstance(error, TargetError) and error.details is None
            return NotSurveyed(error.without_texts, new)

    at_base = side("base", str(options.base)) if base is not None else None
    at_head = side("head", "head")
    description = inspected.description
    profile = world.committed_profile(options, description) if description else None
    return Subject(inspected, measurer, at_head, at_base, profile)


def time_ops(
    gate: Gate, subject: Subject, plan: comparison.LookPlan | None
) -> tuple[OpTiming, ...]:
    """Time head's ops against the base, without a plan against the profile; name all others."""
    if plan is not None:
        timings = time_pairs(subject, plan, gate.options, gate.progress)
        return timings + untimed(subject, timings)
    host_id = gate.surroundings.host_id()
    timings = time_against_profile(subject, host_id, gate.options, gate.progress)
    return timings + untimed(subject, timings, not_comparable(subject, host_id))


def advice_on_head(gate: Gate, subject: Subject, timings: Sequence[OpTiming]) -> AdviceCheck:
    """The job's own configuration beside the best one, on head's seconds."""
    if subject.profile is None or isinstance(subject.head, NotSurveyed):
        return NO_PROFILE
    try:
        profile = on_head(subject.profile, subject.head, timings)
        return gate.surroundings.advise(gate.options, profile)
    except DynadviseError as error:
        return AdviceCheck(None, reason=f"not checked: {error.without_texts}")


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
