"""The gate's sentences and figures, the same in every format."""

from __future__ import annotations

import math
import os
from pathlib import Path

from advisor.domain.finding import Finding
from advisor.domain.gate import AdviceCheck, GateReport, OpTiming, ProxyCount
from advisor.domain.workload import SourceLocation

_PROXY_WORDS = {
    "steps": "steps in a run",
    "events": "rows of the event log in a run",
    "input_bytes": "pickled input bytes an item",
    "output_bytes": "pickled output bytes an item",
    "modules": "modules that a step imports",
}


def percent(ratio: float | None) -> str:
    """A ratio of seconds as a signed change: 1.1 is ``+10 %``."""
    if ratio is None or not math.isfinite(ratio) or ratio <= 0:
        return "?"
    change = 100 * (ratio - 1)
    return f"{change:+.0f} %" if abs(change) >= 9.95 else f"{change:+.1f} %"


def seconds(value: float | None) -> str:
    """Seconds as people read them."""
    if value is None:
        return "?"
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1000 * value:.3g} ms"


def bounds(timing: OpTiming) -> str:
    """The estimate with its bounds."""
    if timing.ratio is None:
        return ""
    low = percent(timing.low) if timing.low else None
    high = percent(timing.high) if timing.high and math.isfinite(timing.high) else None
    estimate = percent(timing.ratio)
    if low and high:
        return f"{estimate} [{low}, {high}]"
    if low or high:
        return f"{estimate}, at least {low}" if low else f"{estimate}, at most {high}"
    return estimate


def timing_sentence(timing: OpTiming) -> str:
    """What the timing of one op says."""
    if timing.reason:
        return timing.reason
    parts = [
        f"{bounds(timing)} against the {timing.basis}",
        f"{seconds(timing.base_s)} -> {seconds(timing.head_s)} an item",
    ]
    if timing.basis == "base revision":
        parts.append(f"{timing.pairs} pairs")
    else:
        parts.append(f"{timing.pairs} processes, weaker than against --base")
    if timing.verdict == "INCONCLUSIVE":
        parts.append(more_pairs(timing))
    elif timing.certainly_slower and timing.verdict == "PASS":
        parts.append("slower, within the limit")
    return "; ".join(parts)


def more_pairs(timing: OpTiming) -> str:
    """How many pairs would decide."""
    if timing.pairs_to_decide is None:
        return "no sensible number of pairs would decide: the change is about the limit"
    return f"about {timing.pairs_to_decide} pairs would decide"


def proxy_sentence(proxy: ProxyCount) -> str:
    """A count at base and head."""
    growth = f" ({100 * proxy.growth:+.0f} %)" if math.isfinite(proxy.growth) else ""
    owner = f"`{proxy.op}`: " if proxy.op else ""
    change = "unchanged" if proxy.base == proxy.head else f"{proxy.base} -> {proxy.head}{growth}"
    shown = f"{proxy.head}, unchanged" if proxy.base == proxy.head else change
    return f"{owner}{_PROXY_WORDS[proxy.name]}: {shown}"


def advice_sentence(advice: AdviceCheck) -> str:
    """How far the job's own configuration is from the best one."""
    if advice.regret is None:
        return advice.reason or "not checked"
    return (
        f"{advice.current}: {100 * advice.regret:.0f} % expected regret "
        f"against {advice.recommended}"
    )


def headline(report: GateReport) -> str:
    """The verdict in one sentence."""
    failing = sum(report.fails(finding) for finding in report.findings)
    others = len(report.findings) - failing
    against = f" against {report.base} ({(report.base_revision or '')[:10]})" if report.base else ""
    kind = "static rules" if report.static else f"{sum(len(t.timings) for t in report.targets)} ops"
    ignored = f", {report.ignored} ignored" if report.ignored else ""
    count = len(report.targets)
    return (
        f"{count} target{'s' if count != 1 else ''}, {kind}{against}: "
        f"{failing} failing finding{'s' if failing != 1 else ''}, {others} other{ignored}"
    )


def place(location: SourceLocation | None, root: Path) -> SourceLocation | None:
    """A location with its file relative to ``root`` where it lies below, in POSIX form."""
    if location is None:
        return None
    path = Path(location.file)
    if path.is_absolute():
        relative = os.path.relpath(path, root)
        if not relative.startswith(os.pardir):
            path = Path(relative)
    return SourceLocation(path.as_posix(), max(1, location.line))


def where(finding: Finding, root: Path) -> str:
    """``file:line`` of a finding, or its target."""
    location = place(finding.location, root)
    return str(location) if location else (finding.target or "")
