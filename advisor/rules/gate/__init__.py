"""What the gate measured, as findings: timings and counts of head against the base. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from advisor.domain.finding import Finding
from advisor.domain.gate import TargetCheck
from advisor.domain.gate_words import relative
from advisor.domain.workload import SourceLocation
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
from advisor.rules.rule import Fault, Rule, finding_of, rule_of

_TIMINGS = (slower, slower_within_limit, undecided, not_measured)
RULES: tuple[Rule, ...] = (
    *map(rule_of, (*_TIMINGS, regret)),
    *counts.RULES,
    *map(rule_of, (unlike, other_results)),
)


Places = Mapping[str, SourceLocation | None]


def findings_of(
    check: TargetCheck, places: Places, *, max_regression: float, max_regret: float
) -> Iterator[Finding]:
    """What is wrong with what was measured of a target.

    Args:
        check: The target's timings, counts and advice.
        places: Op to where it stands; the empty name is the job's own place.
        max_regression: Growth of an op's seconds or of a count that is allowed, as a share.
        max_regret: Likewise, the job's expected slowdown against the best configuration.
    """

    def finding(rule: Rule, fault: Fault, op: str | None = None) -> Finding:
        return finding_of(rule, fault, check.target, places.get(op or "", places[""]))

    limit = relative(1 + max_regression)
    for timing in check.timings:
        judged = ((module, module.check(timing, limit)) for module in _TIMINGS)
        first = [(rule_of(module), fault) for module, fault in judged if fault is not None][:1]
        if (other := other_results.check(timing)) is not None:
            first.append((rule_of(other_results), other))
        yield from (finding_of(r, f, check.target, timing.location) for r, f in first)
    for proxy in check.proxies:
        if (alike := unlike.check(proxy)) is not None:
            yield finding(rule_of(unlike), alike, proxy.op)
        if (grown := counts.check(proxy, max_regression)) is not None:
            yield finding(*grown, proxy.op)
    if check.advice is not None and (fault := regret.check(check.advice, max_regret)) is not None:
        yield finding(rule_of(regret), fault)
