"""DYN003: ``max_concurrent`` is unset where the process may not use all of the node's CPUs."""

import math
from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN003"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Dagster's default is ``cpu_count()``, which sees neither cgroup limits nor affinity."""
    description, host = facts.description, facts.host
    setting = description.executor
    if host is None or setting is None or setting.executor != "multiprocess":
        return
    allowed = math.ceil(host.cpus)
    used = setting.effective_max_concurrent or host.cpu_count
    if setting.max_concurrent is None and used > allowed:
        yield Fault(
            "warning",
            f"max_concurrent is not set: {used} steps would run in parallel where {host.cpus:g}"
            " CPUs may be used, and need the memory of all of them.",
            f"Set max_concurrent to {allowed}, or to what `dynadvise profile` advises.",
        )
