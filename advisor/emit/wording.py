"""The words and figures that every snippet carries: what was measured, predicted and decided."""

from dataclasses import replace

from advisor.domain.advice import Advice
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import UNITS
from advisor.domain.command_line import command, emit_command
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.quantities import count, interval, multiple, seconds
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import prose

_TAKEN = {
    "multiprocess": ("retries", "tag_concurrency_limits", "step_dependency_config"),
    "async": ("retries", "tag_concurrency_limits", "step_dependency_config"),
    "in_process": ("retries", "step_dependency_config"),
}
"""What an executor takes beside ``max_concurrent`` and ``start_method``."""


def _speed_up(request: EmitRequest) -> str:
    """Against the job as it is, else Dagster's default; empty where there is neither."""
    words, before = "the job as it is configured now", request.advice.current
    if before is None:
        words, before = "Dagster's default executor", request.advice.default
    if before is None:
        return ""
    factor = before.makespan_s.median / request.chosen.makespan_s.median
    if factor < 1.05:
        return f"as long as {words} ({seconds(before.makespan_s.median)})"
    return f"{multiple(factor)} faster than {words} ({seconds(before.makespan_s.median)})"


def decision(request: EmitRequest) -> str:
    """One paragraph for a job's description: date, items, seconds per item, speed-up."""
    advice, chosen = request.advice, request.chosen
    workload, span = advice.workload, chosen.makespan_s
    date = advice.advised_at[:10]
    measured = (
        f"Run as: {request.candidate.label}."
        f" Recommended by dynadvise{f' on {date}' if date else ''}"
        f" from {workload.items} items of {seconds(workload.wall_s.median)} each"
        f" ({workload.samples} measured) on {count(advice.host.cpus, 'CPU')}"
    )
    if request.keeps_executor:
        setting = request.description.executor
        executor = setting.executor if setting else "job's own"
        if executor not in UNITS:
            return f"{measured}; not predicted: there is no model of the {executor} executor."
        return (
            f"{measured}; not predicted: for the {executor} executor that takes --cluster NAME,"
            f" with the time that a {UNITS[executor]} takes to start."
        )
    if not request.predicted:
        return f"{measured}; not predicted: `{command('verify', request.description)}` measures it."
    gain = _speed_up(request)
    return f"{measured}: predicted {interval(span)}" + (f", {gain}." if gain else ".")


def description_lines(request: EmitRequest) -> str:
    """The constant of an emitted module that holds the decision, for a job's description."""
    return f'DESCRIPTION = """\\\n{prose([decision(request)])}\n"""'


def reasons_for(request: EmitRequest) -> dict[str, str]:
    """The reason for each setting of the advised executor, by its key."""
    candidate, advice = request.candidate, request.advice
    cpus = count(advice.host.cpus, "CPU")
    reasons: dict[str, str] = {}
    if "max_concurrent" in executor_config(candidate):
        steps = "step" if candidate.max_concurrent == 1 else "steps"
        reasons["max_concurrent"] = (
            f"{candidate.max_concurrent} {steps} in parallel on {cpus}, for {_kind_words(advice)}."
            " Dagster's default is the node's CPU count, whatever a container may use of it."
        )
    if candidate.executor == "async":
        reasons["max_concurrent"] = (
            f"{candidate.max_concurrent} steps in parallel share one event loop, for"
            f" {_kind_words(advice)}. The executor's default is no limit at all."
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
    for key in user_config(candidate, request.description.executor):
        reasons[key] = "Yours, as it is now."
    return reasons


def _kind_words(advice: Advice) -> str:
    if not advice.workload.resources_measured:
        return f"items of {seconds(advice.workload.wall_s.median)}, read from past runs"
    words = {"waiting": "items that mostly wait", "cpu": "items that compute"}
    kind = words.get(advice.workload.kind, "items that compute and wait")
    return f"{kind} ({seconds(advice.workload.wall_s.median)} each)"


def executor_config(candidate: Candidate) -> dict[str, object]:
    """The candidate's executor config, as Dagster's executors take it.

    Empty in process (there is nothing to set) and for Celery (concurrency is set on its workers).
    """
    if candidate.executor in ("in_process", "celery", "celery_k8s"):
        return {}
    config: dict[str, object] = {"max_concurrent": candidate.max_concurrent}
    if candidate.executor == "multiprocess" and candidate.start_method:
        options: dict[str, object] = {}
        if candidate.start_method == "forkserver" and candidate.preload_modules:
            options["preload_modules"] = list(candidate.preload_modules)
        config["start_method"] = {candidate.start_method: options}
    return config


def user_config(candidate: Candidate, setting: ExecutorSetting | None) -> dict[str, object]:
    """The user's own settings of the executor, as far as the candidate's executor takes them.

    In process one step runs after another, so that a limit on steps at once is kept anyway.
    """
    if setting is None or candidate.executor == setting.executor:
        return dict(setting.user_config) if setting else {}
    keys = _TAKEN.get(candidate.executor, ("retries",))
    return {key: value for key, value in setting.user_config.items() if key in keys}


def whole_config(request: EmitRequest) -> dict[str, object]:
    """The config of the candidate's executor, with the user's own settings."""
    candidate = request.candidate
    return {**executor_config(candidate), **user_config(candidate, request.description.executor)}


def without_code(request: EmitRequest) -> tuple[EmitRequest, str]:
    """The request for the best way that needs no change of code, where the chosen one does.

    And what to say then of the chosen one; empty where it needs none.
    """
    candidate = request.candidate
    if not candidate.needs_code:
        return request, ""
    kind, how = "python", candidate.label
    if candidate.is_batched:
        kind, how = "batch", "in batches or with workers inside a step"
    note = (
        f"The advice itself is {how}, which needs code"
        f" (`{emit_command(request.description, kind)}`); this is the best that"
        " configuration alone gives."
    )
    return replace(request, prediction=request.advice.config_only), note
