"""DYN006: ``execute_job`` is called when the file is imported."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN006"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A step's process imports the file again, and would start another run."""
    location = facts.job.unguarded_execute_job if facts.job else None
    if location is not None:
        yield Fault(
            "error",
            "execute_job is called when this file is imported: each step's process imports it"
            " again, and fails.",
            location=location,
        )
