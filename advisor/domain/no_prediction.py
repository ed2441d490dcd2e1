"""Ways to run that nothing can be predicted of, workloads without advice: why, and the words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from advisor.domain.candidate import Candidate
from advisor.domain.errors import ConfigurationError, DynadviseError
from advisor.domain.rejection import Refusal


class Unpredictable(str, Enum):
    """Why there is no prediction of a way."""

    DAEMON = "daemon"
    EXECUTOR = "executor"
    METHOD = "method"
    CLUSTER = "cluster"
    START_TIME = "start-time"
    BOOT = "boot"


class NoneFits(str, Enum):
    """Which ways are missing that an advice needs."""

    SMALLEST = "smallest"
    ENVIRONMENT = "environment"
    CONFIG = "config"


def _start_time(unit: str, cluster: str) -> tuple[str, str]:
    from_runs = "dynadvise profile TARGET --from-runs 3."
    learned = "dynadvise analyze --pods pods.json." if unit == "pod" else from_runs
    return (
        f": how long a {unit} takes to start is not known.",
        f'Set start = "8s" in [tool.dynadvise.clusters.{cluster}], or learn it: {learned}',
    )


_WORDS: Mapping[Unpredictable, Callable[..., tuple[str, str]]] = {
    Unpredictable.DAEMON: lambda: (
        (
            " launched by the daemon: its wait in the run queue and its run worker's start are not "
            "measured."
        ),
        "--launch execute_job predicts the run itself, from its start.",
    ),
    Unpredictable.EXECUTOR: lambda *executors: (
        ": there is no model of its executor.",
        (
            f"Executors with a model: {', '.join(executors)}. "
            "`dynadvise analyze` learns of others from the runs of an instance."
        ),
    ),
    Unpredictable.METHOD: lambda *methods: (
        ": the host's calibration has no such method.",
        f"Calibrated multiprocess methods: {', '.join(methods) or 'none'}.",
    ),
    Unpredictable.CLUSTER: lambda executor: (
        f": no cluster with the {executor} executor is described.",
        (
            f'Describe it, [tool.dynadvise.clusters.NAME] executor = "{executor}", and give '
            "--cluster NAME."
        ),
    ),
    Unpredictable.START_TIME: _start_time,
    Unpredictable.BOOT: lambda: (
        (
            ": this host's calibration has no spawned process, which tells how long Python and "
            "your code take to boot."
        ),
        "`dynadvise calibrate` measures it.",
    ),
}
"""Of each cause, with its figures: what follows the way's name, and what to do next."""

_NONE_FITS = {
    NoneFits.SMALLEST: "no way to run fits: even the smallest {}",
    NoneFits.ENVIRONMENT: "no way to run fits the environment",
    NoneFits.CONFIG: "no way to run that needs no code fits the constraints",
}


class NoModelError(ConfigurationError):
    """There is no prediction of a way to run on this host.

    Args:
        candidate: The way.
        cause: Why.
        figures: Of the cause, in the order of its words.
        details: As `DynadviseError` has them.
    """

    def __init__(
        self,
        candidate: Candidate,
        cause: Unpredictable,
        *figures: object,
        details: str | None = None,
    ) -> None:
        what, hint = _WORDS[cause](*figures)
        what = f"There is no prediction of '{candidate.label}'{what}"
        super().__init__(what, hint=hint, details=details)
        self.cause, self.figures = cause, figures


class NoAdviceError(DynadviseError):
    """No way to run fits what the advice must respect; ``misfit`` is that of the smallest."""

    def __init__(self, missing: NoneFits, misfit: Refusal | None = None) -> None:
        reason = _NONE_FITS[missing].format(misfit.words if misfit else "")
        super().__init__(
            f"There is no advice for this workload: {reason}.",
            hint="Allow more memory or connections, or another --environment.",
        )
