"""DYN033: a step's memory limit below what an item was measured to need."""

from collections.abc import Iterator

from advisor.domain.quantities import size
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault
from advisor.rules.step_resources import memory_limit_bytes

CODE = "DYN033"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """The limit of each mapped op's pod or container; the kernel kills what grows beyond it."""
    needed = facts.step_peak_bytes
    for op in facts.description.mapped:
        limit = memory_limit_bytes(facts, op)
        if limit is not None and needed and limit < needed:
            yield Fault(
                "error",
                f"A step of {op.name} may use {size(limit)} of memory, and was measured to need"
                f" {size(needed)}: it would be killed.",
                f"Set the limit to {size(1.5 * needed)} or more (1.5 times the measured peak).",
            )
