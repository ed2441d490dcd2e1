"""The main findings of an advice in words."""

from advisor.domain.advice import Advice, Breakdown, BreakEven, Prediction, WorkloadSummary
from advisor.domain.quantities import count, faster, interval, percent, seconds, size
from advisor.domain.stopping import StopReason
from advisor.domain.trial import Trial, WorkerLimit

REGRET_MEANS = " (time lost if another is really best)"
KIND = {
    "waiting": "mostly waiting for I/O",
    "cpu": "CPU work",
    "mixed": "CPU work and waiting",
}
ENDED: dict[StopReason, str] = {
    StopReason.SETTLED: "which ended since the advice is settled",
    StopReason.BUDGET: "which ended with the budget",
    StopReason.NOTHING_LEFT: "which ended since nothing was left to measure",
    StopReason.INTERRUPTED: "which was interrupted",
}
"""Why measuring ended, in words that follow what it took."""
ENDED_SHORT: dict[StopReason, str] = {
    StopReason.SETTLED: "Settled",
    StopReason.BUDGET: "Out of budget",
    StopReason.NOTHING_LEFT: "All measured",
    StopReason.INTERRUPTED: "Interrupted",
}
"""The same where there is little room; the time follows."""


def basis(workload: WorkloadSummary) -> str:
    """What a total is of: ``for 40 items (1 of 40 items measured; not included: ...)``."""
    items = count(workload.items, "item")
    limits = []
    if workload.samples < workload.items:
        limits.append(f"{workload.samples} of {items} measured")
    if workload.not_included:
        limits.append("not included: " + ", ".join(part.name for part in workload.not_included))
    return f"for {items}" + (f" ({'; '.join(limits)})" if limits else "")


def compared(advice: Advice) -> list[str]:
    """The speed-up over how it runs now, and over Dagster's default, where that differs."""
    best = advice.recommendation
    others: list[tuple[str, Prediction]] = []
    if advice.current and advice.current.candidate != best.candidate:
        others.append(("now", advice.current))
    if advice.default and advice.default.candidate != best.candidate:
        if others and advice.default.candidate == others[0][1].candidate:
            others = [("now, Dagster's default", advice.default)]
        else:
            others.append(("Dagster's default", advice.default))
    return [
        f"{faster(other.makespan_s, best.makespan_s)} {name} "
        f"({other.candidate.label}): {interval(other.makespan_s)}"
        for name, other in others
    ]


def is_sure(advice: Advice) -> bool:
    """Whether no measurement is left that could turn the decision."""
    best = advice.recommendation
    settled = advice.next_measurement is None and advice.untried is None
    return best.p_best >= 0.9 and settled and best.trial is Trial.TRIED


def _spared_code(advice: Advice) -> Prediction | None:
    """The faster way that would change the code, where the advice leaves the code alone for it."""
    best = advice.recommendation
    if best.candidate.needs_code or advice.change != "code":
        return None
    changing = (
        p
        for p in advice.candidates
        if p.allowed and p.candidate.needs_code and p.trial is Trial.TRIED
    )
    return min(
        (p for p in changing if p.makespan_s.median < best.makespan_s.median),
        key=lambda p: p.makespan_s.median,
        default=None,
    )


def certainty(advice: Advice) -> str:
    """How sure the choice is, then what was seen to fail and what was not tried."""
    harmful = [limit_in_words(limit) for limit in advice.limits if limit.harm is not None]
    return " ".join((choice(advice), *harmful, *untried(advice)))


def untried(advice: Advice) -> list[str]:
    """The way that might be faster, and why it does not lead; empty where there is none."""
    way = advice.untried
    if way is None:
        return []
    how = f"{way.candidate.label} might be faster ({seconds(way.makespan_s.median)})"
    why = ""
    if way.trial is Trial.NOT_CHECKED:
        kind = way.candidate.worker_kind or "thread"
        why = next((f" ({each.unchecked})" for each in advice.limits if each.kind == kind), "")
    return [f"{how}: {way.trial.value}{why}."]


def limit_in_words(limit: WorkerLimit) -> str:
    """What did harm, without values and messages of the user's."""
    names = "threads" if limit.kind == "thread" else "processes"
    if limit.harm is Trial.DIFFERS:
        return f"No {names}: with {limit.harmed_at} in parallel {limit.reason}."
    fewer = f", {limit.worked} worked" if limit.worked > 1 else ""
    return f"{limit.harmed_at} {names} failed ({limit.reason}){fewer}."


def choice(advice: Advice, *, titled: bool = False, explained: bool = True) -> str:
    """How sure the choice is, its terms explained.

    ``titled``: beside a title that says certain already.
    """
    best = advice.recommendation
    best_in = f"fastest in {percent(best.p_best)} of the resampled runs"
    regret = f"expected regret {percent(best.expected_regret)}"
    regret += REGRET_MEANS if explained else ""
    if advice.whole_run is not None and best.p_best < 0.5:
        return "Chosen for the whole run: of its first fan-out alone, another way is faster."
    spared = _spared_code(advice)
    if advice.tie and spared is not None:
        gain_s = best.makespan_s.median - spared.makespan_s.median
        return (
            f"Keep your code: {spared.candidate.label} would save {seconds(gain_s)} of "
            f"{seconds(best.makespan_s.median)}, too little for a change of code."
        )
    if advice.tie:
        return f"Several ways are within 3 %; this is the simplest: {regret}."
    if advice.untried is not None:
        best_in += ", of the ways that were tried"
    if is_sure(advice):
        return f"{best_in}." if titled else f"Certain: {best_in}."
    if best.p_best >= 0.6:
        return f"Likely: {best_in}; {regret}."
    return f"Not sure: {best_in}; {regret}."


def reasons(advice: Advice) -> list[tuple[str, tuple[str, ...]]]:
    """The reasons of the recommendation, then those of the config-only way where it differs."""
    best, pasted = advice.recommendation, advice.config_only
    rows = [(best.candidate.label, best.reasons)]
    if pasted.candidate != best.candidate:
        rows.append((pasted.candidate.label, pasted.reasons))
    return [(label, lines) for label, lines in rows if lines]


def break_even(row: BreakEven) -> str:
    """One break-even in words."""
    if row.item_s is None:
        return f"{row.to_method} is never faster than {row.from_method} here"
    return (
        f"{row.to_method} is faster than {row.from_method} when an item takes more than "
        f"{seconds(row.item_s)}"
    )


def breakdown(parts: Breakdown) -> tuple[tuple[str, float, str], ...]:
    """Each part of a breakdown: name, seconds, meaning."""
    return (
        ("work", parts.work_s, "your code"),
        ("launch", parts.launch_s, "starting processes and steps"),
        ("serialize", parts.serialize_s, "storing and loading values"),
        ("coordinate", parts.coordinate_s, "events, polling, planning"),
        ("idle", parts.idle_s, "slots with nothing to run"),
    )


def overhead_s(parts: Breakdown) -> float:
    """All of a makespan that is not the user's work."""
    return parts.launch_s + parts.serialize_s + parts.coordinate_s + parts.idle_s


def profiles_line(advice: Advice) -> str:
    """What the measuring took."""
    executed = count(advice.op_executions, "execution")
    measured = f"{executed} of your ops, {seconds(advice.measured_cost_s)} of measuring"
    return measured if advice.measuring is None else f"{measured}, {ENDED[advice.measuring.reason]}"


def other_machine(advice: Advice) -> str:
    """The machine that the advice is for."""
    host = advice.host
    free = f" ({percent(host.memory_headroom)} stay free)" if host.memory_headroom else ""
    return f"{count(host.cpus, 'core')}, {size(host.memory_bytes)}{free}, {host.id}"
