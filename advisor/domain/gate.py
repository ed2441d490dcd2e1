"""What the pre-merge gate found: verdicts, timings of base and head, counts, findings."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from advisor.domain.finding import SEVERITIES, Finding
from advisor.domain.quantities import change
from advisor.domain.workload import SourceLocation

TimingBasis = Literal["base revision", "committed profile"]
ProxyName = Literal["items", "errors", "steps", "events", "input_bytes", "output_bytes", "modules"]
_PROXY_WORDS = {
    "items": "items",
    "errors": "measured calls that logged an error",
    "steps": "steps in a run",
    "events": "rows of the event log in a run",
    "input_bytes": "pickled input bytes per item",
    "output_bytes": "pickled output bytes per item",
    "modules": "modules that a step imports",
}


class Verdict(str, Enum):
    """What the gate says; the mildest first."""

    PASS = "PASS"  # noqa: S105 - no password
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_MEASURED = "COULD NOT MEASURE"
    FAIL = "FAIL"

    __str__ = str.__str__


class Obstacle(str, Enum):
    """Why an op has no timing."""

    FAILED = "failed"
    BASE_FAILED = "base failed"
    NEW = "new"
    NO_PROFILE = "no profile"
    UNLIKE = "unlike"


@dataclass(frozen=True, slots=True)
class OpTiming:
    """One op's timing verdict.

    Attributes:
        ratio: Head's seconds over the other side's: 1.1 is 10 % slower.
        low, high: One-sided bounds of the ratio.
        base_s, head_s: Median seconds of one item's call.
        pairs: Pairs of fresh processes behind it.
        pairs_to_decide: Where INCONCLUSIVE: about how many would decide; None where no sensible
            number would.
        certainly_slower: "Not slower" is rejected, however small the slowdown.
        basis: What head was laid beside.
        reason: Why it could not be measured, where it could not, in words.
        obstacle: The kind of that reason.
        other_results: Parts of an item's result that differ from the base's on the same inputs.
        new: The base has no such op, so there is nothing to compare; no fault of the change.
    """

    op: str
    verdict: Verdict
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    base_s: float | None = None
    head_s: float | None = None
    pairs: int = 0
    pairs_to_decide: int | None = None
    certainly_slower: bool = False
    basis: TimingBasis = "base revision"
    reason: str | None = None
    location: SourceLocation | None = None
    new: bool = False
    obstacle: Obstacle | None = None
    other_results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyCount:
    """A count that has no noise, at base and head. ``op`` is None for what counts a whole run.

    ``items`` are what the fan-out gives, ``errors`` measured calls that logged an error.
    """

    name: ProxyName
    base: int
    head: int
    op: str | None = None

    @property
    def unlike(self) -> bool:
        """Whether base and head did not do the same work."""
        if self.name == "errors":
            return bool(self.base) != bool(self.head)
        return self.name == "items" and self.base != self.head

    @property
    def growth(self) -> float:
        """Relative growth; infinite from zero."""
        if self.head <= self.base:
            return (self.head - self.base) / self.base if self.base else 0.0
        return (self.head - self.base) / self.base if self.base else float("inf")


@dataclass(frozen=True, slots=True)
class AdviceCheck:
    """Whether the job's own configuration is still good enough on head's measurements.

    ``regret`` is None where it could not be told; ``reason`` then says why.
    """

    regret: float | None
    current: str = ""
    recommended: str = ""
    snippet: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """All that was found of one target."""

    target: str
    verdict: Verdict
    timings: tuple[OpTiming, ...] = ()
    proxies: tuple[ProxyCount, ...] = ()
    advice: AdviceCheck | None = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    user_code_failed: bool = False
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class GateReport:
    """The gate's whole answer.

    Attributes:
        verdict: The worst of all targets: FAIL, COULD NOT MEASURE, INCONCLUSIVE, PASS.
        measured: Whether anything was measured; a gate that should have and did not cannot pass.
        ignored: How many findings were left out by an ignore list or a comment at the op.
        failing: Codes and severities that fail the gate (``--fail-on``).
    """

    verdict: Verdict
    targets: tuple[TargetCheck, ...]
    static: bool
    base: str | None = None
    base_revision: str | None = None
    max_regression: float = 0.1
    max_regret: float = 0.15
    failing: tuple[str, ...] = ("error",)
    measured: bool = False
    ignored: int = 0
    op_executions: int = 0
    cost_s: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of every target."""
        return tuple(finding for target in self.targets for finding in target.findings)

    def fails(self, finding: Finding) -> bool:
        """Whether this finding fails the gate."""
        return finding_fails(finding, self.failing)


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The verdict that counts for all; nothing at all could not be measured."""
    return max(verdicts, key=list(Verdict).index) if verdicts else Verdict.NOT_MEASURED


def finding_fails(finding: Finding, failing: tuple[str, ...]) -> bool:
    """Whether ``finding`` is of a code in ``failing``, or as severe as a severity in it."""
    severities = [SEVERITIES.index(name) for name in failing if name in SEVERITIES]
    return finding.code in failing or (
        bool(severities) and SEVERITIES.index(finding.severity) >= min(severities)
    )


def judged(
    check: TargetCheck, failing: Sequence[str], *, static: bool, error: bool = False
) -> TargetCheck:
    """The target with its verdict: the worst of what was found and what was not."""
    verdicts: list[Verdict] = [timing.verdict for timing in check.timings if not timing.new]
    if error or not (static or verdicts):
        verdicts.append(Verdict.NOT_MEASURED)
    if any(finding_fails(finding, tuple(failing)) for finding in check.findings):
        verdicts.append(Verdict.FAIL)
    return replace(check, verdict=worst(tuple(verdicts) or (Verdict.PASS,)))


def without_ignored(
    findings: Iterable[Finding], ignored_codes: Sequence[str], ignored_at: Iterable[Finding] = ()
) -> tuple[tuple[Finding, ...], int]:
    """The findings that remain, and how many do not."""
    silenced = set(ignored_at)
    everything = tuple(findings)
    left = tuple(f for f in everything if f.code not in ignored_codes and f not in silenced)
    return left, len(everything) - len(left)


def exit_status(report: GateReport, *, strict: bool = False, exit_zero: bool = False) -> int:
    """Exit status of ``dynadvise check``.

    0 passed; 1 failed; 2 the user's code could not be loaded or raised while it was measured;
    3 could not decide, under ``strict``, or nothing was measured at all.
    """
    if exit_zero or report.verdict is Verdict.PASS:
        return 0
    if report.verdict is Verdict.FAIL:
        return 1
    if any(target.user_code_failed for target in report.targets):
        return 2
    return 3 if strict or not report.measured else 0


def relative(ratio: float | None) -> str:
    """A ratio of seconds as a signed change: 1.1 is ``+10 %``."""
    return "?" if ratio is None or not 0 < ratio < math.inf else change(ratio - 1)


def bounds(timing: OpTiming) -> str:
    """The estimate with its bounds."""
    if timing.ratio is None:
        return ""
    low = relative(timing.low) if timing.low else None
    high = relative(timing.high) if timing.high and math.isfinite(timing.high) else None
    estimate = relative(timing.ratio)
    if low and high:
        return f"{estimate} [{low}, {high}]"
    if low or high:
        return f"{estimate}, at least {low}" if low else f"{estimate}, at most {high}"
    return estimate


def more_pairs(timing: OpTiming) -> str:
    """How many pairs would decide."""
    if timing.pairs_to_decide is None:
        return "no sensible number of pairs would decide: the change is about the limit"
    return f"about {timing.pairs_to_decide} pairs would decide"


def proxy_sentence(proxy: ProxyCount) -> str:
    """A count at base and head."""
    growth = f" ({change(proxy.growth)})" if math.isfinite(proxy.growth) else ""
    owner = f"`{proxy.op}`: " if proxy.op else ""
    grown = f"{proxy.base} -> {proxy.head}{growth}"
    words = f"{proxy.head}, unchanged" if proxy.base == proxy.head else grown
    return f"{owner}{_PROXY_WORDS[proxy.name]}: {words}"
