"""Code and configuration to paste: one emitter a kind, each a pure function of the advice.

What is emitted stands alone (it never imports dynadvise), carries the reason of each setting, and
is formatted as ``ruff format`` would.
"""

from collections.abc import Callable
from typing import Literal

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

Language = Literal["python", "yaml"]

_EMITTERS: dict[str, tuple[Callable[[EmitRequest], str], Language]] = {
    "run-config": (emit_run_config, "yaml"),
    "python": (emit_python, "python"),
    "environments": (emit_environments, "python"),
    "batch": (emit_batch, "python"),
    "workers": (emit_workers, "python"),
    "dagster-yaml": (emit_dagster_yaml, "yaml"),
    "async": (emit_async, "python"),
    "instrument": (emit_instrument, "python"),
    "monitor": (emit_monitor, "python"),
    "troubleshooting": (emit_troubleshooting, "python"),
    "k8s-run-config": (emit_k8s_run_config, "yaml"),
    "k8s-tags": (emit_k8s_tags, "python"),
    "helm-values": (emit_helm_values, "yaml"),
    "docker-run-config": (emit_docker_run_config, "yaml"),
    "celery": (emit_celery, "yaml"),
    "ecs": (emit_ecs, "yaml"),
    "run-queue": (emit_run_queue, "yaml"),
}

KINDS: tuple[str, ...] = tuple(_EMITTERS)


def language_of(kind: str) -> Language:
    """What a snippet of the kind is written in."""
    return _EMITTERS[kind][1]


def emit(kind: str, request: EmitRequest) -> str:
    """The snippet of a kind, ending in a line break.

    Raises:
        DynadviseError: There is no such kind, or the workload or candidate does not fit it.
    """
    try:
        emitter, _ = _EMITTERS[kind]
    except KeyError:
        raise DynadviseError(
            f"There is no snippet of the kind {kind!r}.", hint=f"Kinds: {', '.join(KINDS)}."
        ) from None
    return emitter(request)
