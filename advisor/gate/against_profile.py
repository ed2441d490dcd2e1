"""The committed profile beside head: head timed against it, and the advice it gives on head."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

from advisor.domain.advice import Advice, Prediction
from advisor.domain.command_line import command
from advisor.domain.gate import AdviceCheck, Obstacle, OpTiming
from advisor.domain.item_sample import ItemSample
from advisor.domain.options import CheckOptions
from advisor.gate import comparison
from advisor.gate.measuring import ChildProcesses
from advisor.gate.orders import OpCalls, OpSurvey, Survey
from advisor.gate.subject import Subject, item_seconds, not_timed, timed
from advisor.measure.progress import Progress
from advisor.model.stopping import op_times
from advisor.store import SavedProfile

PROCESSES = 7


def not_comparable(subject: Subject, host_id: str) -> str:
    """Why an op of head has nothing to be compared with, where it has not."""
    profile = subject.profile
    if profile is None:
        return (
            "there is neither --base nor a committed profile to compare with "
            f"(`{command('profile', subject.description)}` makes one)"
        )
    if profile.host.facts.id != host_id:
        facts = profile.host.facts
        return f"the committed profile is of another host class ({facts.id}); use --base"
    return "the committed profile has no such op"


def time_against_profile(
    subject: Subject, host_id: str, options: CheckOptions, progress: Progress
) -> tuple[OpTiming, ...]:
    """Time head's ops in fresh processes against a profile of the same host class."""
    profile = subject.profile
    if profile is None or profile.host.facts.id != host_id:
        return ()
    past = {op.handle: op.later_calls or op.first_calls for op in profile.workload.ops}
    ops = [op for op in subject.head_ops if op.failed is None and past.get(op.handle)]
    calls = _processes(subject.measurer, [op.handle for op in ops], progress)
    drift = profile.overhead.spread(1.0)
    return tuple(
        _timing(op, calls[op.handle], _past_s(past[op.handle], len(op.calls)), drift, options)
        for op in ops
    )


def _processes(
    measurer: ChildProcesses, handles: Sequence[str], progress: Progress
) -> dict[str, list[OpCalls]]:
    processes: dict[str, list[OpCalls]] = {op: [] for op in handles}
    for number in range(PROCESSES if handles else 0):
        progress(f"process {number + 1} of {PROCESSES}", number / PROCESSES)
        for op, calls in measurer.time("head", handles, number).items():
            processes[op].append(calls)
    return processes


def _timing(
    op: OpSurvey, processes: Sequence[OpCalls], past_s: float, drift: float, options: CheckOptions
) -> OpTiming:
    failed = next((calls.failed for calls in processes if calls.failed is not None), None)
    if failed is not None:
        return not_timed(op, Obstacle.FAILED, failed)
    seconds = item_seconds(processes)
    compared = comparison.compare_with_past(
        [comparison.log_ratio(past_s, head_s) for head_s in seconds],
        drift,
        max_regression=options.max_regression,
    )
    return timed(op, compared, past_s, statistics.median(seconds), "committed profile")


def _past_s(calls: Sequence[ItemSample], items: int) -> float:
    """Mean over the items that head was timed on, where the profile has them all, of medians."""
    by_item: dict[int, list[float]] = {}
    for call in calls:
        by_item.setdefault(call.item, []).append(call.wall_s)
    if all(item in by_item for item in range(items)):
        return statistics.fmean(statistics.median(by_item[item]) for item in range(items))
    return statistics.median(call.wall_s for call in calls)


def on_head(profile: SavedProfile, head: Survey, timings: Sequence[OpTiming]) -> SavedProfile:
    """The committed profile as it would be for head.

    The definitions are head's. Each op's seconds are the profile's times the ratio that was
    measured, which is without unit and so holds for a profile of another host class too.
    """
    ratios = {timing.op: timing.ratio for timing in timings if timing.ratio is not None}
    ops = tuple(op_times(op, ratios.get(op.handle, 1.0)) for op in profile.workload.ops)
    return replace(
        profile, description=head.description, workload=replace(profile.workload, ops=ops)
    )


def own_configuration(advice: Advice) -> AdviceCheck:
    """The job's own configuration beside the best that its ``change`` allows."""
    best = advice.recommendation if advice.change == "code" else advice.config_only
    if advice.current is None:
        return AdviceCheck(None, reason="not checked: the target has no executor of its own")
    snippets = advice.snippets
    return AdviceCheck(
        regret=_regret(advice.current, best),
        current=advice.current.candidate.label,
        recommended=best.candidate.label,
        snippet=snippets.run_config or snippets.definition or snippets.python,
    )


def _regret(current: Prediction, best: Prediction) -> float:
    """Expected regret of ``current`` where only what leads to ``best`` may be chosen.

    ``expected_regret`` of a prediction is against the best of all candidates; on the same draws
    the shares (1 + regret) divide.
    """
    return max(0.0, (1 + current.expected_regret) / (1 + best.expected_regret) - 1)
