"""Snippets of an advice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from advisor.domain.advice import Advice, Prediction, Snippets
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING, Cluster, StepSizing, unmodelled
from advisor.domain.errors import DynadviseError
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.trial import Trial

if TYPE_CHECKING:
    from advisor.store import SavedProfile

ON_CLUSTERS = {
    "k8s-run-config": ("k8s",),
    "k8s-tags": ("k8s", "celery_k8s"),
    "helm-values": ("k8s", "celery_k8s"),
    "docker-run-config": ("docker",),
    "celery": ("celery", "celery_k8s"),
    "ecs": ("ecs",),
    "run-queue": (),
}
"""By kind, the executors that it is for; none: any."""

OF_EXECUTOR = {
    "k8s": "k8s-run-config",
    "docker": "docker-run-config",
    "celery": "celery",
    "celery_k8s": "celery",
    "ecs": "ecs",
    "ray": "run-queue",
}

CODE_KINDS = ("batch", "workers")
"""Kinds that are written for a way to run that changes the user's code."""


def _snippet(
    measured: Measured,
    advice: Advice,
    kind: str,
    prediction: Prediction,
    max_connections: int | None = None,
) -> str:
    from advisor.emit import EmitRequest, emit

    request = EmitRequest(
        description=measured.description,
        advice=advice,
        prediction=prediction,
        workload=measured.workload,
        max_connections=max_connections,
        further=tuple(each.description for each in measured.further),
    )
    return emit(kind, request)


def _on_cluster(kind: str, measured: Measured, advice: Advice, cluster: Cluster | None) -> str:
    """A snippet for the best way on the kind's executor, else for the job's own way there."""
    from advisor.api.cluster_advice import best_of_config
    from advisor.emit import EmitRequest, emit
    from advisor.model.estimators.delegating import step_sizing
    from advisor.model.measured_setting import setting_of

    executors = ON_CLUSTERS[kind]
    ways = [advice.recommendation, advice.config_only, *advice.candidates]
    fitting = [way for way in ways if way.allowed and way.candidate.executor in executors]
    fitting.sort(key=lambda way: way.trial is not Trial.TRIED)  # tried ways first, best first
    prediction, own = next(iter(fitting), None), advice.own_way
    options = AdviseOptions(items=advice.workload.items, cluster=cluster)
    if own is not None and own.executor in executors:
        if prediction is None:
            prediction = replace(advice.recommendation, candidate=own)
        if prediction.candidate == own and (best := best_of_config(measured, options)) is not None:
            prediction, fitting = best, [best]
    elif not executors:
        prediction = advice.recommendation
    if prediction is None:
        raise _nothing_to_emit(kind, advice)
    sizing = StepSizing(0.0, 0, cluster)  # not asked for by what is for any executor
    if executors:
        sizing = step_sizing(prediction.candidate, setting_of(measured, options))
    room = cluster.room(sizing.cpu, sizing.request_bytes) if cluster and executors else None
    if own is not None and room is not None and not fitting and own.max_concurrent > room:
        own = replace(own, max_concurrent=room)  # not predicted, and yet within the quota
        advice, prediction = replace(advice, own_way=own), replace(prediction, candidate=own)
    if not measured.workload.resources_measured:
        sizing = replace(sizing, peak_bytes=0)
    request = EmitRequest(
        measured.description,
        advice,
        prediction,
        measured.workload,
        predicted=bool(fitting) or not executors,
        sizing=sizing,
    )
    return emit(kind, request)


def _nothing_to_emit(kind: str, advice: Advice) -> DynadviseError:
    executors = ON_CLUSTERS[kind]
    for refused in advice.rejected:
        if refused.candidate.executor in executors:
            return DynadviseError(
                f"There is nothing to emit as {kind}: {refused.candidate.label} {refused.reason}.",
                hint="For a job that runs on that executor, its own way is emitted.",
            )
    return DynadviseError(
        f"There is nothing to emit as {kind}: neither the job nor the advice is for the "
        f"executor {' or '.join(executors)}.",
        hint="Describe the cluster, [tool.dynadvise.clusters.NAME] executor = "
        f'"{executors[0]}", and give --cluster NAME.',
    )


def snippet(
    kind: str,
    measured: Measured,
    advice: Advice,
    max_connections: int | None = None,
    cluster: Cluster | None = None,
) -> str:
    """A snippet of the advice in any form.

    Config kinds are for the best way that needs no code where the advice itself needs code; the
    kind ``python`` carries an executor or an order that code must choose, but no batches.

    Args:
        kind: One of `advisor.emit.KINDS`.
        max_connections: Most items in parallel that may hold a database connection.

    Raises:
        DynadviseError: There is no such kind, or it does not fit the workload.
    """
    if kind in ON_CLUSTERS:
        return _on_cluster(kind, measured, advice, cluster)
    chosen = advice.recommendation
    candidate = chosen.candidate
    too_much = candidate.is_batched if kind == "python" else candidate.needs_code
    if kind not in CODE_KINDS and too_much:
        chosen = advice.config_only
    return _snippet(measured, advice, kind, chosen, max_connections)


def code_kind(candidate: Candidate) -> str:
    """The kind of snippet that is a way in code."""
    if candidate.workers_in_op > 1:
        return "workers"
    return "batch" if candidate.is_batched else "python"


def drift_sensor(
    saved: SavedProfile, way: Literal["config_only", "recommendation", "current"]
) -> Any:
    """A sensor that tags and logs each finished run of the profile's job, beside its prediction.

    Args:
        way: How the job runs now, by its name in the advice.

    Raises:
        DynadviseError: The target is no job, or there is no prediction of the way.
    """
    from advisor.emit import EmitRequest
    from advisor.emit.observing import monitored_runs
    from advisor.emit.runtime.drift import Prediction as Predicted
    from advisor.emit.runtime.drift import drift_sensor_of

    prediction = getattr(saved.advice, way)
    if prediction is None:
        raise DynadviseError(f"{saved.advice.target} has no prediction of the way '{way}'.")
    runs = monitored_runs(EmitRequest(saved.description, saved.advice, prediction))
    return drift_sensor_of(Predicted(**runs), f"{runs['jobs'][0]}_drift")


def snippets_of(measured: Measured, advice: Advice, cluster: Cluster | None = None) -> Snippets:
    """Code for the recommendation, and the config that needs no code."""
    from advisor.emit import EmitRequest
    from advisor.emit.python_form import executor_definition, is_fixed

    candidate = advice.recommendation.candidate
    try:
        python = _snippet(measured, advice, code_kind(candidate), advice.recommendation)
    except DynadviseError as error:
        python = "".join(f"# {line}\n" for line in str(error).splitlines())
    if advice.current is None and unmodelled(measured.description.executor):
        return Snippets(python=python if candidate.needs_code else "")  # nothing to configure
    pasted = advice.config_only
    if pasted.candidate.executor in DELEGATING:
        own = OF_EXECUTOR[pasted.candidate.executor]
        return Snippets(python=python, run_config=_on_cluster(own, measured, advice, cluster))
    keeps = advice.current is not None and advice.current.candidate == pasted.candidate
    if not keeps and is_fixed(pasted.candidate, measured.description.executor):
        request = EmitRequest(measured.description, advice, pasted, measured.workload)
        return Snippets(python=python, definition=executor_definition(request))
    return Snippets(python=python, run_config=_snippet(measured, advice, "run-config", pasted))
