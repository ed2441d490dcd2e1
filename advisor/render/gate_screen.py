"""The gate's verdict on one screen, and as the visible part of a comment on a pull request."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from advisor.domain.finding import SEVERITIES, Finding
from advisor.domain.gate import GateReport, TargetCheck, Verdict
from advisor.domain.quantities import count
from advisor.render import gate_wording as wording
from advisor.render.advice import TONES
from advisor.render.document import (
    Column,
    Document,
    ListBlock,
    Paragraph,
    Row,
    Span,
    Table,
    spans,
)
from advisor.render.gate import TONES_OF_VERDICTS, gate_title

WIDTH, LINES, MOST_NEXT = 77, 13, 1
"""Columns of the table, the most lines of its rows, and the most points below it: all fits on 79
columns and 25 lines."""
MOST_OF_NAME, MOST_OF_TEXT = 28, 160
"""Characters of a row's name beside which it is folded, and of its text before it is cut."""
_FAILING = 1
"""Ranks up to this one fail the gate."""
_COLUMNS = (
    Column("what", left=True, wrap=True),
    Column("verdict", left=True),
    Column("measured", left=True, wrap=True),
)


def gate_screen(report: GateReport, root: Path) -> Document:
    """The verdict, the worst in one table, and the first remedy; files relative to ``root``."""
    rows = sorted(_rows(report, root), key=lambda ranked: ranked[0])
    shown = _fitting([row for _, row in rows])
    alone = len(report.targets) == 1
    left_out = rows[len(shown) :]
    failing = sum(rank <= _FAILING for rank, _ in left_out)
    fail = f" ({failing} of them failing)" if failing else ""
    more = f"{count(len(left_out), 'more row')}{fail}, a" if left_out else "A"
    return Document(
        (
            gate_title(report),
            *(Paragraph((Span(each.target, code=True),)) for each in report.targets[:1] if alone),
            *((Table(_COLUMNS, tuple(shown)),) if shown else ()),
            ListBlock(tuple(_next(report))[:MOST_NEXT]),
        ),
        more=f"{more}ll findings with remedies, counts",
    )


def _rows(report: GateReport, root: Path) -> Iterator[tuple[int, Row]]:
    """Each row with its rank: what fails the gate, what is open, what is said beside it."""
    for target in report.targets:
        name = "" if len(report.targets) == 1 else f"{target.target.rpartition(':')[2]}."
        for finding in target.findings:
            yield _of_finding(finding, report, root)
        for timing in target.timings:
            rank = 2 * (len(Verdict) - 1 - list(Verdict).index(timing.verdict))
            cells = (f"{name}{timing.op}", timing.verdict, wording.short_timing(timing))
            yield rank, _row(*cells)
        if target.advice is not None:
            unchecked = target.advice.regret is None
            sentence = _cut(wording.advice_sentence(target.advice))
            yield 8 if unchecked else 5, Row((f"{name}configuration", "", sentence))
        if not (target.timings or target.findings):
            yield 6, _row(target.target, target.verdict, _untimed(target))


def _row(name: str, verdict: Verdict, text: str) -> Row:
    return Row((name, Span(verdict, strong=True, tone=TONES_OF_VERDICTS[verdict]), _cut(text)))


def _of_finding(finding: Finding, report: GateReport, root: Path) -> tuple[int, Row]:
    rank = 1 if report.fails(finding) else 4 + len(SEVERITIES) - SEVERITIES.index(finding.severity)
    kind = Span(f"{finding.severity} {finding.code}", strong=True, tone=TONES[finding.severity])
    return rank, Row((wording.where(finding, root), kind, _cut(finding.message)))


def _untimed(target: TargetCheck) -> str:
    return target.notes[0] if target.notes else "no finding"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_OF_TEXT else f"{text[: MOST_OF_TEXT - 3].rstrip()}..."


def _fitting(rows: Sequence[Row]) -> list[Row]:
    """As many of the first rows as `LINES` hold."""
    texts = [["".join(span.text for span in spans(cell)) for cell in row.cells] for row in rows]
    name = min(MOST_OF_NAME, max((len(cells[0]) for cells in texts), default=0))
    rest = WIDTH - 2 - name - max((len(cells[1]) for cells in texts), default=0)
    shown: list[Row] = []
    lines = 0
    for row, (what, _, text) in zip(rows, texts, strict=True):
        # A word that is broken off leaves a part of its line empty.
        lines += max(math.ceil(len(what) / name), math.ceil(1.25 * len(text) / rest), 1)
        if lines > LINES:
            break
        shown.append(row)
    return shown


def _next(report: GateReport) -> Iterator[str]:
    """What to do about the worst finding, then why what was not decided was not."""
    worst = max(
        report.findings,
        key=lambda each: (report.fails(each), SEVERITIES.index(each.severity)),
        default=None,
    )
    if worst is not None and worst.remedy:
        sentence, _, code = worst.remedy.partition("\n")
        rest = f"{sentence.rstrip(':')} (it is in the details)." if code else sentence
        yield _cut(f"{worst.code}: {rest}")
    for target in report.targets:
        if target.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED}:
            yield from map(_cut, target.notes)
