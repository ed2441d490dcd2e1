"""DYN037: ``dagster/priority`` on ops that run under Celery."""

from collections.abc import Iterator

from advisor.domain.cluster import BY_WORKERS
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN037"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Celery's queue orders by its own tag, ``dagster-celery/priority``."""
    setting = facts.description.executor
    if setting is None or setting.executor not in BY_WORKERS:
        return
    names = [op.name for op in facts.description.mapped if "dagster/priority" in op.tags]
    if names:
        yield Fault(
            "warning",
            f"The {setting.executor} executor ignores the tag dagster/priority of"
            f" {', '.join(names)}.",
        )
