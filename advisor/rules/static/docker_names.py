"""DYN035: names in ``container_kwargs`` that docker-py does not know."""

from collections.abc import Iterator, Mapping

from advisor.domain.nearest import nearest
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN035"
_MEANT = {"cpus": "nano_cpus", "memory": "mem_limit", "memory_swap": "memswap_limit"}


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Each would be a TypeError when the first step's container is made."""
    if facts.job is None:
        return
    kwargs, names = facts.job.executor_config.get("container_kwargs"), facts.job.docker_arguments
    for name in kwargs if names and isinstance(kwargs, Mapping) else ():
        if name not in names:
            near = _MEANT.get(name) or next(iter(nearest(name, names)), None)
            yield Fault(
                "error",
                f"container_kwargs: docker-py knows no {name!r}: the first step's container is"
                " refused with a TypeError.",
                f"Write {near!r}." if near else None,
            )
