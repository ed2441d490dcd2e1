"""Code and configuration to paste: one emitter a kind, each a pure function of the advice.

What is emitted stands alone (it never imports dynadvise), carries the reason of each setting, and
is formatted as ``ruff format`` would.
"""

from collections.abc import Callable

from advisor.domain.errors import DynadviseError
from advisor.emit.batches import (
    batched_job_name,
    emit_batch,
    emit_workers,
    obstacle_to_batches,
)
from advisor.emit.cluster_config import (
    emit_celery,
    emit_docker_run_config,
    emit_ecs,
    emit_helm_values,
    emit_k8s_run_config,
    emit_k8s_tags,
    emit_run_queue,
)
from advisor.emit.executors import emit_async, emit_environments
from advisor.emit.instance_config import emit_dagster_yaml
from advisor.emit.observing import emit_instrument, emit_monitor, emit_troubleshooting
from advisor.emit.python_form import emit_python
from advisor.emit.request import EmitRequest
from advisor.emit.run_config import emit_run_config

__all__ = ["KINDS", "EmitRequest", "batched_job_name", "emit", "language_of", "obstacle_to_batches"]

_EMITTERS: dict[str, Callable[[EmitRequest], str]] = {
    "run-config": emit_run_config,
    "python": emit_python,
    "environments": emit_environments,
    "batch": emit_batch,
    "workers": emit_workers,
    "dagster-yaml": emit_dagster_yaml,
    "async": emit_async,
    "instrument": emit_instrument,
    "monitor": emit_monitor,
    "troubleshooting": emit_troubleshooting,
    "k8s-run-config": emit_k8s_run_config,
    "k8s-tags": emit_k8s_tags,
    "helm-values": emit_helm_values,
    "docker-run-config": emit_docker_run_config,
    "celery": emit_celery,
    "ecs": emit_ecs,
    "run-queue": emit_run_queue,
}

KINDS: tuple[str, ...] = tuple(_EMITTERS)
_YAML = ("run-config", "dagster-yaml", "k8s-run-config", "helm-values", "docker-run-config",
         "celery", "ecs", "run-queue")  # fmt: skip


def language_of(kind: str) -> str:
    """``yaml`` or ``python``: what a snippet of the kind is written in."""
    return "yaml" if kind in _YAML else "python"


def emit(kind: str, request: EmitRequest) -> str:
    """The snippet of a kind, ending in a line break.

    Raises:
        DynadviseError: There is no such kind, or the workload or candidate does not fit it.
    """
    try:
        emitter = _EMITTERS[kind]
    except KeyError:
        raise DynadviseError(
            f"There is no snippet of the kind {kind!r}.", hint=f"Kinds: {', '.join(KINDS)}."
        ) from None
    return emitter(request)
