"""The ways to run that there is a model of: one file per executor, registered here."""

from collections.abc import Mapping

from advisor.domain.candidate import Candidate
from advisor.domain.cluster import UNITS
from advisor.domain.no_prediction import NoModelError, Unpredictable
from advisor.model.estimate import ExecutorModel
from advisor.model.estimators import delegating, event_loop, multiprocess, serial

MODELS: Mapping[str, ExecutorModel] = {
    "in_process": serial.MODEL,
    "multiprocess": multiprocess.MODEL,
    "async": event_loop.MODEL,
    **dict.fromkeys(UNITS, delegating.MODEL),
}


def model_of(candidate: Candidate) -> ExecutorModel:
    """The model of a candidate's executor.

    Raises:
        NoModelError: There is none: it delegates its steps to machines that cannot be measured.
    """
    if candidate.executor not in MODELS:
        raise NoModelError(candidate, Unpredictable.EXECUTOR, *MODELS)
    return MODELS[candidate.executor]
