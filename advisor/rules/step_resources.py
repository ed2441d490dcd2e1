"""What a job's configuration lets a step's pod or container have: requests and limits."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.domain.rule_facts import CheckFacts
from advisor.domain.workload import MappedOp

_POWERS = "kmgtpe"


def memory_limit_bytes(facts: CheckFacts, op: MappedOp) -> int | None:
    """The memory limit of an op's pod or container; None where none is set."""
    limit = _innermost(facts, op, "limits", "memory")
    if limit is None and facts.job is not None:
        limit = _at(facts.job.executor_config, "container_kwargs").get("mem_limit")
    return bytes_of(limit)


def requested(facts: CheckFacts, op: MappedOp) -> tuple[float | None, int | None]:
    """CPUs and bytes that an op's pod requests; Kubernetes takes a limit where no request is."""
    cpu = _innermost(facts, op, "requests", "cpu") or _innermost(facts, op, "limits", "cpu")
    memory = _innermost(facts, op, "requests", "memory")
    memory = memory or _innermost(facts, op, "limits", "memory")
    return cpus_of(cpu), bytes_of(memory)


def _innermost(facts: CheckFacts, op: MappedOp, kind: str, resource: str) -> object:
    """A figure where it is set nearest to the op."""
    for resources in _resources(facts, op):
        figure = _at(resources, kind).get(resource)
        if figure is not None:
            return figure
    return None


def _resources(facts: CheckFacts, op: MappedOp) -> Iterator[Mapping[str, Any]]:
    """By op, by the op's tag, for all steps, for all pods of the run."""
    config = facts.job.executor_config if facts.job else {}
    tag = facts.job.pod_tags.get(op.handle) if facts.job else None
    own = _at(config, "per_step_k8s_config", op.name)
    yield _at(own, "container_config", "resources")
    yield _at(_read(tag), "container_config", "resources")
    yield _at(config, "step_k8s_config", "container_config", "resources")
    yield _at(config, "resources")


def _at(config: object, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        config = config.get(key) if isinstance(config, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def _read(tag: str | None) -> object:
    try:
        return json.loads(tag) if tag else {}
    except ValueError:
        return {}


def bytes_of(quantity: object) -> int | None:
    """Bytes of a Kubernetes quantity (``640Mi``, ``1G``) or of docker's (``640m``, ``1g``).

    Kubernetes' ``M`` is a power of 1000, docker's ``m`` of 1024; None where it is neither.
    """
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([kKMGTPEmgtpe]?)(i|b)?", str(quantity))
    if matched is None:
        return None
    number, unit, suffix = float(matched[1]), matched[2], matched[3]
    base = 1000 if unit.isupper() and suffix != "i" else 1024
    return int(number * base ** (1 + _POWERS.index(unit.lower()) if unit else 0))


def cpus_of(quantity: object) -> float | None:
    """CPUs of a Kubernetes quantity (``500m``, ``2``, ``0.5``); None where it is none."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", str(quantity))
    return None if matched is None else float(matched[1]) / (1000 if matched[2] else 1)
