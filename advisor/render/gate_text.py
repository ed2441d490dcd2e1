"""The gate's report for a terminal."""

from __future__ import annotations

import io
from pathlib import Path

from advisor.domain.gate import GateReport, TargetCheck, Verdict
from advisor.render import gate_wording as wording

_STYLES: dict[str, str] = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "INCONCLUSIVE": "bold yellow",
    "COULD NOT MEASURE": "bold yellow",
    "error": "red",
    "warning": "yellow",
    "note": "cyan",
}


def render(report: GateReport, root: Path, *, color: bool = False) -> str:
    """Verdict first, then target by target, every finding with its remedy."""
    from rich.console import Console
    from rich.text import Text

    stream = io.StringIO()
    # Lines are not wrapped: what is grepped or pasted stays whole.
    console = Console(
        file=stream, force_terminal=color, no_color=not color, width=10_000, soft_wrap=True
    )

    def line(*parts: str | tuple[str, str]) -> None:
        for text in Text.assemble(*parts).split("\n", allow_blank=True):
            # What the user's exceptions say must not steer the terminal.
            console.print(text if text.plain.isprintable() else Text(_printable(text.plain)))

    line(_verdict(report.verdict), f": {wording.headline(report)}")
    for target in report.targets:
        line("")
        line(_verdict(target.verdict), f"  {target.target}")
        for label, sentence in _facts(target):
            line(f"  {label:<9} ", sentence)
        for finding in target.findings:
            failing = " (fails the gate)" if report.fails(finding) else ""
            line(
                "  ",
                (f"{finding.severity} {finding.code}", _STYLES[finding.severity]),
                f"{failing} {wording.where(finding, root)}: {finding.message}",
            )
            for text in finding.remedy.splitlines():
                line(f"      {text}")
    if report.notes:
        line("")
    for note in report.notes:
        line(note)
    return stream.getvalue()


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _verdict(verdict: Verdict) -> tuple[str, str]:
    return verdict, _STYLES[verdict]


def _facts(target: TargetCheck) -> list[tuple[str, str]]:
    facts = [
        (
            "timing",
            f"{timing.verdict}: `{timing.op}` {wording.timing_sentence(timing)}",
        )
        for timing in target.timings
    ]
    facts += [("count", wording.proxy_sentence(proxy)) for proxy in target.proxies]
    if target.advice is not None:
        facts.append(("advice", wording.advice_sentence(target.advice)))
    facts += [("note", note) for note in target.notes]
    return facts
