"""The gate's sentences and figures, the same in every format."""

import os
from pathlib import Path

from advisor.domain.finding import Finding
from advisor.domain.gate import AdviceCheck, GateReport, OpTiming, Verdict, bounds, more_pairs
from advisor.domain.quantities import count, percent, seconds
from advisor.domain.workload import SourceLocation


def _seconds(value_s: float | None) -> str:
    return "?" if value_s is None else seconds(value_s)


def timing_sentence(timing: OpTiming) -> str:
    """What the timing of one op says."""
    if timing.reason:
        return timing.reason
    parts = [
        f"{bounds(timing)} against the {timing.basis}",
        f"{_seconds(timing.base_s)} -> {_seconds(timing.head_s)} per item",
    ]
    if timing.basis == "base revision":
        parts.append(f"{timing.pairs} pairs")
    else:
        parts.append(f"{timing.pairs} processes, weaker than against --base")
    if timing.verdict is Verdict.INCONCLUSIVE:
        parts.append(more_pairs(timing))
    elif timing.certainly_slower and timing.verdict is Verdict.PASS:
        parts.append("slower, within the limit")
    return "; ".join(parts)


def short_timing(timing: OpTiming) -> str:
    """The change alone, where there is little room; what would decide it where it is open."""
    if timing.reason:
        return timing.reason
    times = f"{bounds(timing)}: {_seconds(timing.base_s)} -> {_seconds(timing.head_s)} per item"
    return f"{times}; {more_pairs(timing)}" if timing.verdict is Verdict.INCONCLUSIVE else times


def advice_sentence(advice: AdviceCheck) -> str:
    """How far the job's own configuration is from the best one."""
    if advice.regret is None:
        return advice.reason or "not checked"
    return (
        f"{advice.current}: {percent(advice.regret)} expected regret against {advice.recommended}"
    )


def headline(report: GateReport) -> str:
    """The verdict in one sentence."""
    failing = sum(report.fails(finding) for finding in report.findings)
    others = len(report.findings) - failing
    against = f" against {report.base} ({(report.base_revision or '')[:10]})" if report.base else ""
    ops = sum(len(target.timings) for target in report.targets)
    kind = "static rules" if report.static else count(ops, "op")
    ignored = f", {report.ignored} ignored" if report.ignored else ""
    return (
        f"{count(len(report.targets), 'target')}, {kind}{against}: "
        f"{count(failing, 'failing finding')}, {others} other{ignored}"
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
