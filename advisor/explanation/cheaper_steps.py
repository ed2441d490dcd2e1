"""Advice apart from the way to run: what makes each step cheaper, its gain here, and its price."""

from collections.abc import Iterator

from advisor.domain.advice import Prediction
from advisor.domain.host import CheaperStep, HostProfile, StepSaving
from advisor.domain.quantities import percent, seconds
from advisor.model.setting import Setting

SMALL_GAIN = 0.05
"""Less than this share of a step is not told from the machine's own drift."""

_WHAT: dict[StepSaving, str] = {
    "no_compute_logs": "Without captured output (NoOpComputeLogManager)",
    "storage_in_memory": "With DAGSTER_HOME on a file system in memory (/dev/shm)",
}
_PRICE: dict[StepSaving, str] = {
    "no_compute_logs": (
        "no stdout and stderr of the steps in the UI, context.log still arrives; "
        "`dynadvise emit PROFILE --as dagster-yaml` has the lines"
    ),
    "storage_in_memory": "the history of runs is lost when the machine restarts",
}


def saving(step: CheaperStep) -> str:
    """One measured saving as a sentence."""
    before, after = seconds(step.before_s), seconds(step.after_s)
    if step.after_s > (1.0 - SMALL_GAIN) * step.before_s:
        return f"{_WHAT[step.what]} the overhead per step is {after}, not {before}: no gain here."
    share = 1.0 - step.after_s / step.before_s
    return (
        f"{_WHAT[step.what]} the overhead per step is {after} instead of {before}: "
        f"{percent(share)} less (measured, {step.runs} runs each in turn). "
        f"Price: {_PRICE[step.what]}."
    )


def cheaper_steps(host: HostProfile, chosen: Prediction, setting: Setting) -> Iterator[str]:
    """Sentences for a way to run that starts a process per step; none for others."""
    candidate = chosen.candidate
    if candidate.executor != "multiprocess":
        return
    if candidate.is_warm and host.preload.boot_before_s > host.preload.boot_after_s > 0:
        steps = candidate.steps(setting.items.count)
        saved_s = host.preload.boot_before_s - host.preload.boot_after_s
        yield (
            f"The preload list saves {seconds(saved_s)} of every step's boot (measured), "
            f"{seconds(steps * saved_s)} of processor time over {steps} steps. Price: the list "
            "is of this installation; derive it again after an upgrade."
        )
    yield from map(saving, host.cheaper_steps)
    if not host.cheaper_steps:
        yield (
            "Not measured, for lack of time: what steps would save without captured output, or "
            "with their storage in memory. `dynadvise calibrate` measures it."
        )
