"""DYN030: a fan-out on pods or containers without ``max_concurrent``."""

from collections.abc import Iterator

from advisor.domain.cluster import UNITS
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN030"
_UNLIMITED = frozenset({"k8s", "docker", "ecs"})


def check(facts: CheckFacts) -> Iterator[Fault]:
    """These executors start all ready steps (seen with 500 pods: dagster#6580)."""
    description, setting = facts.description, facts.description.executor
    if description.fan_out is None or setting is None or setting.max_concurrent is not None:
        return
    pooled = all(op.pool for op in description.mapped)
    if setting.executor in _UNLIMITED and not setting.tag_concurrency_limits and not pooled:
        unit = UNITS[setting.executor]
        yield Fault(
            "warning",
            f"max_concurrent is not set on the {setting.executor} executor: every item of"
            f" {description.fan_out.name} starts its {unit} at the same time.",
        )
