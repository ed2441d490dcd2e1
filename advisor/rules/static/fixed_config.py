"""DYN002: ``configured(...)`` makes run config for the same keys ignored."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.domain.finding import Finding
from advisor.domain.rule_facts import CheckFacts

CODE = "DYN002"
MEANING = "configured(...) on the executor makes later run config ignored"


def check(facts: CheckFacts) -> Iterator[Finding]:
    """Keys set by ``configured`` are not in the executor's schema any more."""
    description = facts.description
    fixed = description.executor.fixed_by_code if description.executor else ()
    if fixed:
        yield Finding(
            CODE,
            "warning",
            f"The executor's {', '.join(fixed)} {'is' if len(fixed) == 1 else 'are'} set by"
            " configured(...): run config for the same keys is ignored without a word.",
            "Give defaults that can be overridden: `dynadvise emit PROFILE --as python`.",
            description.fan_out.location if description.fan_out else None,
            description.target.spelled,
        )
