"""DYN002: ``configured(...)`` makes run config for the same keys ignored."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN002"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Keys set by ``configured`` are not in the executor's schema any more."""
    description = facts.description
    fixed = description.executor.fixed_by_code if description.executor else ()
    if fixed:
        yield Fault(
            "warning",
            f"The executor's {', '.join(fixed)} {'is' if len(fixed) == 1 else 'are'} set by"
            " configured(...): run config for the same keys is ignored without a word.",
        )
