"""DYN033: a step's memory limit below what an item was measured to need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.domain.quantities import size
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault
from advisor.rules.static.k8s_tag_of_job import TAG

CODE = "DYN033"
_POWERS = "kmgtpe"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """The limit of each mapped op's pod or container; the kernel kills what grows beyond it."""
    setting = facts.description.executor
    if facts.job is None or setting is None:
        return
    needed = facts.step_peak_bytes
    for op in facts.description.mapped:
        limit = _limit_bytes(facts.job.executor_config, op.name, op.tags.get(TAG))
        if limit is not None and needed and limit < needed:
            yield Fault(
                "error",
                f"A step of {op.name} may use {size(limit)} of memory, and was measured to need"
                f" {size(needed)}: it would be killed.",
                f"Set the limit to {size(1.5 * needed)} or more (1.5 times the measured peak).",
            )


def _limit_bytes(config: Mapping[str, Any], op: str, tag: str | None) -> int | None:
    """The innermost limit that is set: by op, by the op's tag, for all steps."""
    own = _at(config, "per_step_k8s_config", op)
    for container in (
        _at(own, "container_config", "resources"),
        _at(_read(tag), "container_config", "resources"),
        _at(config, "step_k8s_config", "container_config", "resources"),
        _at(config, "resources"),
    ):
        limit = _at(container, "limits").get("memory")
        if limit is not None:
            return bytes_of(limit)
    return bytes_of(_at(config, "container_kwargs").get("mem_limit"))


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
