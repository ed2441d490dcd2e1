"""DYN038: values in local files, and steps that may run on another host."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN038"
_ELSEWHERE = frozenset({"k8s", "docker", "celery", "celery_k8s", "ecs"})
_SHARED = ("volumes", "volume_mounts", "step_k8s_config", "container_kwargs")


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Silent where the executor's config mounts something: it may be a shared volume."""
    description, setting = facts.description, facts.description.executor
    if setting is None or setting.executor not in _ELSEWHERE or not description.pickles:
        return
    config = facts.job.executor_config if facts.job else {}
    if description.fan_out is not None and not any(config.get(key) for key in _SHARED):
        yield Fault(
            "warning",
            "Values go from step to step through Dagster's default IO manager, in files of one"
            f" host: under the {setting.executor} executor the next step may run on another.",
        )
