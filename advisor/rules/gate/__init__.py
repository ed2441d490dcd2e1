"""What the gate measured, as findings: timings and counts of head against the base. Pure."""

from __future__ import annotations

from advisor.domain.finding import Finding
from advisor.domain.gate import OpTiming
from advisor.domain.gate_words import relative
from advisor.rules.gate import (
    counts,
    not_measured,
    other_results,
    regret,
    slower,
    slower_within_limit,
    undecided,
    unlike,
)
from advisor.rules.rule import Rule, rule_of

_TIMINGS = (slower, slower_within_limit, undecided, not_measured)
RULES: tuple[Rule, ...] = (
    *map(rule_of, (*_TIMINGS, regret)),
    *counts.RULES,
    *map(rule_of, (unlike, other_results)),
)


def timing_finding(timing: OpTiming, target: str, max_regression: float) -> Finding | None:
    """What to say of one op's timing; None where it is simply fine."""
    limit = relative(1 + max_regression)
    found = (rule.check(timing, target, limit) for rule in _TIMINGS)
    return next(filter(None, found), None)
