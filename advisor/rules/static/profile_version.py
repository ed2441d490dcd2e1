"""DYN023: the committed profile is of another Dagster version."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN023"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A warning where the minor version differs, a note for a patch."""
    if facts.profiled is None or facts.host is None:
        return
    old, new = facts.profiled.host.dagster_version, facts.host.dagster_version
    if not old or not new or old == new:
        return
    yield Fault(
        "note" if old.split(".")[:2] == new.split(".")[:2] else "warning",
        f"The committed profile was measured with Dagster {old}; this is {new}.",
        location=facts.description.mapped[0].location,
    )
