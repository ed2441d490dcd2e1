"""DYN020: a fan-out inside what is mapped already."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN020"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Seen in Dagster 1.13 under every executor: the run succeeds without the inner steps."""
    for nested in facts.description.nested_fan_outs:
        yield Fault(
            "error",
            f"{nested.op.handle} fans out, but is itself mapped over a dynamic output: Dagster"
            f" skips {', '.join(nested.skipped)} and the run succeeds without them.",
            f"Let one op yield all items (both loops in one fan-out), or loop over what"
            f" {nested.op.name} yields inside one mapped op.",
            location=nested.op.location,
        )
