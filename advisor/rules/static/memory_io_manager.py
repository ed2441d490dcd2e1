"""DYN008: an IO manager in memory cannot hand values to another process."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN008"
_ONE_PROCESS = ("in_process", "async")


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Each step's process has a memory of its own: the next step finds nothing in it."""
    setting = facts.description.executor
    keys = facts.job.memory_io_managers if facts.job else ()
    if keys and setting is not None and setting.executor not in _ONE_PROCESS:
        yield Fault(
            "error",
            f"The IO manager {', '.join(keys)} keeps values in memory, and the {setting.executor}"
            " executor runs each step in a process of its own, which finds nothing there.",
        )
