"""DYN036: containers of steps that are removed when they end, with what they died of."""

from collections.abc import Iterator, Mapping

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN036"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Seen: a failed step is reported as "container could not be found"."""
    kwargs = facts.job.executor_config.get("container_kwargs") if facts.job else None
    if isinstance(kwargs, Mapping) and kwargs.get("auto_remove") is True:
        yield Fault(
            "note",
            "container_kwargs sets auto_remove: a failed step's container is gone before the"
            " executor asks it why, and the cause is lost.",
        )
