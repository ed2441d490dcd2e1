"""DYN024: the committed profile is of another host class."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN024"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A note: a profile of the machine where the job runs is right on another one, too."""
    if facts.profiled is None or facts.host is None:
        return
    there, here = facts.profiled.host.id, facts.host.id
    if there == here:
        return
    yield Fault(
        "note",
        f"The committed profile is of host class {there}; this is {here}.",
        location=facts.description.mapped[0].location,
    )
