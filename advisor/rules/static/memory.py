"""DYN011: the steps that run at once need more memory than there is."""

from collections.abc import Iterator

from advisor.domain.quantities import size
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN011"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """The job as it is configured, at its measured peak (a SIGKILL is nearly always this)."""
    advice = facts.advice
    if advice is None or advice.current is None:
        return
    need, have = advice.current.peak_memory_bytes, advice.host.memory_bytes
    if need > have > 0:
        yield Fault(
            "error",
            f"{advice.current.candidate.max_concurrent} steps in parallel need up to"
            f" {size(need)}, and there are {size(have)}: the system would kill"
            " one of them.",
        )
