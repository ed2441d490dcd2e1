"""The ways to run that there is a model of: one file per executor, registered here."""

from collections.abc import Mapping

from advisor.domain.candidate import Candidate, Executor
from advisor.domain.errors import NoModelError
from advisor.model.estimate import ExecutorModel
from advisor.model.estimators import delegating, event_loop, multiprocess, serial

MODELS: Mapping[Executor, ExecutorModel] = {
    "in_process": serial.MODEL,
    "multiprocess": multiprocess.MODEL,
    "async": event_loop.MODEL,
    "k8s": delegating.MODEL,
    "docker": delegating.MODEL,
    "celery": delegating.MODEL,
    "celery_k8s": delegating.MODEL,
    "ecs": delegating.MODEL,
    "ray": delegating.MODEL,
    "delegating": delegating.MODEL,
}


def model_of(candidate: Candidate) -> ExecutorModel:
    """The model of a candidate's executor.

    Raises:
        NoModelError: There is none: it delegates its steps to machines that cannot be measured.
    """
    if candidate.executor not in MODELS:
        raise NoModelError(
            f"There is no prediction of '{candidate.label}': there is no model of its executor.",
            hint=f"Executors with a model: {', '.join(MODELS)}. "
            "`dynadvise analyze` learns of others from the runs of an instance.",
        )
    return MODELS[candidate.executor]
