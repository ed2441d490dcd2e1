"""DYN008: an IO manager in memory cannot hand values to another process."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN008"
MEANING = "an in-memory IO manager with steps in several processes"
LOOKS = (
    "The IO manager io_manager keeps values in memory, and the multiprocess executor runs each "
    "step in a process of its own, which finds nothing there."
)
REMEDY = "Use the file system IO manager, or the in-process executor."
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
