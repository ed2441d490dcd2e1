"""The words and figures that every snippet carries: what was measured, predicted and decided."""

from __future__ import annotations

from advisor.domain.advice import Advice, Prediction
from advisor.domain.candidate import Candidate
from advisor.emit.request import EmitRequest


def seconds(value: float) -> str:
    """Seconds with three significant digits."""
    return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"


def baseline(advice: Advice) -> tuple[str, Prediction] | None:
    """What the speed-up is counted from: the job as it is, else Dagster's default."""
    if advice.current is not None:
        return "the job as it is configured now", advice.current
    if advice.default is not None:
        return "Dagster's default executor", advice.default
    return None


def speed_up(request: EmitRequest) -> str:
    """The predicted speed-up in words; empty where there is nothing to compare with."""
    found = baseline(request.advice)
    if found is None:
        return ""
    words, before = found
    factor = before.makespan_s.median / request.chosen.makespan_s.median
    if factor < 1.05:
        return f"as long as {words} ({seconds(before.makespan_s.median)})"
    return f"{factor:.1f} times as fast as {words} ({seconds(before.makespan_s.median)})"


def decision(request: EmitRequest) -> str:
    """One paragraph for a job's description: date, items, seconds an item, speed-up."""
    advice, chosen = request.advice, request.chosen
    workload, span = advice.workload, chosen.makespan_s
    date = advice.advised_at[:10]
    measured = f"{workload.items} items of {seconds(workload.wall_s.median)} each"
    interval = f"90 %: {seconds(span.low)} to {seconds(span.high)}"
    text = (
        f"Run as: {chosen.candidate.label}. Decided by dynadvise{f' on {date}' if date else ''}"
        f" from {measured} ({workload.samples} measured) on {advice.host.cpus:g} CPUs:"
        f" predicted {seconds(span.median)} ({interval})"
    )
    gain = speed_up(request)
    return f"{text}, {gain}." if gain else f"{text}."


def reasons_for(request: EmitRequest) -> dict[str, str]:
    """The reason for each setting of the advised executor, by its key."""
    candidate, advice = request.candidate, request.advice
    cpus = f"{advice.host.cpus:g} CPUs"
    reasons: dict[str, str] = {}
    if candidate.executor not in ("in_process", "async"):
        steps = "step" if candidate.max_concurrent == 1 else "steps"
        reasons["max_concurrent"] = (
            f"{candidate.max_concurrent} {steps} at once on {cpus} is predicted fastest"
            f" for {_kind_words(advice)}; Dagster's default is the node's CPU count."
        )
    if candidate.start_method == "forkserver":
        reasons["start_method"] = (
            "A forkserver starts a step from a process that has imported your code already;"
            " the default, spawn, starts a new Python and imports again in every step."
        )
    elif candidate.start_method == "spawn":
        reasons["start_method"] = "A new Python process for each step (Dagster's default)."
    if candidate.preload_modules:
        reasons["preload_modules"] = (
            "Imported once, in the forkserver: Dagster's storages, your code, and what it"
            " imports on its first call. Without this each step imports them anew."
        )
    return reasons


def _kind_words(advice: Advice) -> str:
    words = {"waiting": "items that mostly wait", "cpu": "items that compute"}
    kind = words.get(advice.workload.kind, "items that compute and wait")
    return f"{kind} ({seconds(advice.workload.wall_s.median)} each)"


def executor_config(candidate: Candidate) -> dict[str, object]:
    """The candidate's executor config, as Dagster's executors take it."""
    if candidate.executor in ("in_process", "async"):
        return {}
    config: dict[str, object] = {"max_concurrent": candidate.max_concurrent}
    if candidate.executor in ("celery", "celery_k8s"):
        return {}  # concurrency is set on the workers
    if candidate.executor == "multiprocess" and candidate.start_method:
        options: dict[str, object] = {}
        if candidate.start_method == "forkserver" and candidate.preload_modules:
            options["preload_modules"] = list(candidate.preload_modules)
        config["start_method"] = {candidate.start_method: options}
    return config
