"""The gate's report as Markdown, for a job summary or a comment."""

from __future__ import annotations

import html
from pathlib import Path

from advisor.domain.gate import GateReport, TargetCheck
from advisor.render import gate_wording as wording

_MARKS = {
    "PASS": "✅",
    "FAIL": "❌",
    "INCONCLUSIVE": "⚠️",
    "COULD NOT MEASURE": "⚠️",
}


def render(report: GateReport, root: Path) -> str:
    """Verdict, a table of timings and counts, and every finding with its remedy."""
    lines = [
        f"## {_MARKS[report.verdict]} dynadvise: {report.verdict}",
        "",
        _text(wording.headline(report)),
    ]
    for target in report.targets:
        lines += ["", f"### {_MARKS[target.verdict]} {_code(target.target)}: {target.verdict}"]
        lines += _table(target)
        lines += _findings(target, report, root)
        lines += [f"\n{_text(note)}" for note in target.notes]
    lines += [f"\n{_text(note)}" for note in report.notes]
    return "\n".join(lines) + "\n"


def _table(target: TargetCheck) -> list[str]:
    rows: list[tuple[str, str, str]] = [
        (_code(timing.op), timing.verdict, wording.timing_sentence(timing))
        for timing in target.timings
    ]
    rows += [
        (_code(proxy.op) if proxy.op else "run", "", wording.proxy_sentence(proxy))
        for proxy in target.proxies
        if proxy.base != proxy.head
    ]
    if target.advice is not None:
        rows.append(("configuration", "", wording.advice_sentence(target.advice)))
    if not rows:
        return []
    return ["", "| what | verdict | measured |", "|---|---|---|"] + [
        f"| {name} | {verdict} | {_text(sentence)} |" for name, verdict, sentence in rows
    ]


def _findings(target: TargetCheck, report: GateReport, root: Path) -> list[str]:
    lines: list[str] = []
    for finding in target.findings:
        mark = "❌" if report.fails(finding) else "⚠️" if finding.severity != "note" else "ℹ️"  # noqa: RUF001
        lines += [
            "",
            (
                f"{mark} **{finding.code}** ({finding.severity}) "
                f"{_code(wording.where(finding, root))}: {_text(finding.message)}"
            ),
        ]
        lines += _remedy(finding.remedy)
    return lines


def _remedy(remedy: str) -> list[str]:
    """A remedy with code in it, of several lines, as a block; else as a sentence."""
    head, *rest = remedy.splitlines() or [""]
    if not rest:
        return ["", _text(head)] if head else []
    fence = "`" * max(3, 1 + _longest_run(remedy))
    return ["", _text(head), "", fence, *rest, fence]


def _text(text: str) -> str:
    """Plain text: no HTML, no table cell ends, one line; backticks stay."""
    return " ".join(html.escape(text, quote=False).replace("|", "\\|").split())


def _code(text: str) -> str:
    fence = "`" * (1 + _longest_run(text))
    return f"{fence}{text}{fence}".replace("|", "\\|")


def _longest_run(text: str) -> int:
    return max(
        (len(run) for run in text.replace("\n", " ").split() if set(run) == {"`"}), default=0
    )
