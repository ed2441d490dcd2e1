"""The gate's report: its sentences, the same in every form; as a document, and on one screen."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from advisor.domain.finding import SEVERITIES, Finding
from advisor.domain.gate import (
    AdviceCheck,
    GateReport,
    OpTiming,
    TargetCheck,
    Verdict,
    bounds,
    more_pairs,
    proxy_sentence,
)
from advisor.domain.quantities import count, percent, seconds
from advisor.domain.workload import SourceLocation
from advisor.render.advice import TONES
from advisor.render.document import (
    Block,
    Code,
    Document,
    Heading,
    ListBlock,
    Note,
    Paragraph,
    Span,
    Text,
    Tone,
    and_more,
    plain_table,
    spans,
)

Cells: TypeAlias = tuple[Text, Text, Text]

TONES_OF_VERDICTS: dict[Verdict, Tone] = {
    Verdict.PASS: "good",
    Verdict.FAIL: "bad",
    Verdict.INCONCLUSIVE: "warn",
    Verdict.NOT_MEASURED: "warn",
}
_table = partial(plain_table, ("what", "verdict", "measured"), words=("verdict", "measured"))
WIDTH, LINES, MOST_NEXT = 77, 13, 1
"""Columns of a screen's table, the most lines of its rows, and the most points below it: all fits
on 79 columns and 25 lines."""
MOST_OF_NAME, MOST_OF_TEXT = 28, 160
"""Characters of a row's name beside which it is folded, and of its text before it is cut."""
_FAILING = 1
"""Ranks up to this one fail the gate."""


def located(report: GateReport, root: Path) -> GateReport:
    """The report with the files of its findings relative to ``root``, those that lie below it."""

    def below_root(finding: Finding) -> Finding:
        if finding.location is None:
            return finding
        path = Path(finding.location.file)
        if path.is_absolute():
            relative = os.path.relpath(path, root)
            if not relative.startswith(os.pardir):
                path = Path(relative)
        place = SourceLocation(path.as_posix(), max(1, finding.location.line))
        return replace(finding, location=place)

    targets = (
        replace(target, findings=tuple(map(below_root, target.findings)))
        for target in report.targets
    )
    return replace(report, targets=tuple(targets))


# --- sentences ---------------------------------------------------------------------------------


def timing_sentence(timing: OpTiming) -> str:
    """What the timing of one op says."""
    if timing.reason:
        return timing.reason
    parts = [f"{bounds(timing)} against the {timing.basis}", _per_item(timing)]
    if timing.basis == "base revision":
        parts.append(f"{timing.pairs} pairs")
    else:
        parts.append(f"{timing.pairs} processes, weaker than against --base")
    if timing.verdict is Verdict.INCONCLUSIVE:
        parts.append(more_pairs(timing))
    elif timing.certainly_slower and timing.verdict is Verdict.PASS:
        parts.append("slower, within the limit")
    return "; ".join(parts)


def _short_timing(timing: OpTiming) -> str:
    """The change alone, where there is little room; what would decide it where it is open."""
    if timing.reason:
        return timing.reason
    times = f"{bounds(timing)}: {_per_item(timing)}"
    return f"{times}; {more_pairs(timing)}" if timing.verdict is Verdict.INCONCLUSIVE else times


def _per_item(timing: OpTiming) -> str:
    base, head = (
        "?" if value_s is None else seconds(value_s) for value_s in (timing.base_s, timing.head_s)
    )
    return f"{base} -> {head} per item"


def _advice_sentence(advice: AdviceCheck) -> str:
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


def where(finding: Finding) -> str:
    """``file:line`` of a finding, or its target."""
    return str(finding.location) if finding.location else (finding.target or "")


# --- the document ------------------------------------------------------------------------------


def gate_document(report: GateReport) -> Document:
    """Verdict first, then target by target, every finding with its remedy."""
    blocks: list[Block] = [_title(report)]
    for target in report.targets:
        blocks.append(Heading((_verdict(target.verdict), " ", Span(target.target, code=True))))
        blocks += _measured(target)
        for finding in target.findings:
            blocks += _finding(finding, report)
        blocks.append(ListBlock(target.notes))
    return Document((*blocks, Note(report.notes)))


def _title(report: GateReport) -> Heading:
    return Heading((_verdict(report.verdict), f": {headline(report)}"), level=1)


def _verdict(verdict: Verdict) -> Span:
    return Span(verdict, strong=True, tone=TONES_OF_VERDICTS[verdict])


def _measured(target: TargetCheck) -> list[Block]:
    cells: list[Cells] = [
        (Span(timing.op, code=True), timing.verdict, timing_sentence(timing))
        for timing in target.timings
    ]
    grown = [proxy for proxy in target.proxies if proxy.base != proxy.head]
    cells += [("count", "", proxy_sentence(proxy)) for proxy in grown]
    if target.advice is not None:
        cells.append(("configuration", "", _advice_sentence(target.advice)))
    blocks: list[Block] = [_table(cells)] if cells else []
    same = [proxy_sentence(p) for p in target.proxies if p.base == p.head]
    return [*blocks, Note((f"Counts: {'; '.join(same)}.",))] if same else blocks


def _code(finding: Finding) -> Span:
    text = f"{finding.severity} {finding.code}"
    return Span(text, strong=True, tone=TONES[finding.severity])


def _finding(finding: Finding, report: GateReport) -> list[Block]:
    """What is wrong, and the remedy: a sentence, with code below where it has several lines."""
    failing = " (fails the gate) " if report.fails(finding) else " "
    place = Span(where(finding), code=True)
    blocks: list[Block] = [Paragraph(((_code(finding), failing, place, f": {finding.message}"),))]
    sentence, _, rest = finding.remedy.partition("\n")
    if sentence:
        blocks.append(ListBlock((sentence,), under=True))
    if rest:
        blocks.append(Code(rest, under=True))
    return blocks


# --- the screen --------------------------------------------------------------------------------


def gate_screen(report: GateReport) -> Document:
    """The verdict, the worst in one table, and the first remedy."""
    rows = sorted(_rows(report), key=lambda ranked: ranked[0])
    shown = _fitting([row for _, row in rows])
    alone = len(report.targets) == 1
    left_out = rows[len(shown) :]
    failing = sum(rank <= _FAILING for rank, _ in left_out)
    fail = f" ({failing} of them failing)" if failing else ""
    more = f"{count(len(left_out), 'more row')}{fail}" if left_out else ""
    return Document(
        (
            _title(report),
            *(Paragraph((Span(each.target, code=True),)) for each in report.targets[:1] if alone),
            *((_table(shown),) if shown else ()),
            ListBlock(tuple(_next(report))[:MOST_NEXT]),
        ),
        more=and_more(more, "all findings with remedies, counts"),
    )


def _rows(report: GateReport) -> Iterator[tuple[int, Cells]]:
    """Each row with its rank: what fails the gate, what is open, what is said beside it."""
    for target in report.targets:
        name = "" if len(report.targets) == 1 else f"{target.target.rpartition(':')[2]}."
        for finding in target.findings:
            mild = len(SEVERITIES) - SEVERITIES.index(finding.severity)
            rank = 1 if report.fails(finding) else 4 + mild
            yield rank, (where(finding), _code(finding), _cut(finding.message))
        for timing in target.timings:
            rank = 2 * (len(Verdict) - 1 - list(Verdict).index(timing.verdict))
            text = _cut(_short_timing(timing))
            yield rank, (f"{name}{timing.op}", _verdict(timing.verdict), text)
        if target.advice is not None:
            unchecked = target.advice.regret is None
            sentence = _cut(_advice_sentence(target.advice))
            yield 8 if unchecked else 5, (f"{name}configuration", "", sentence)
        if not (target.timings or target.findings):
            untimed = target.notes[0] if target.notes else "no finding"
            yield 6, (target.target, _verdict(target.verdict), _cut(untimed))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_OF_TEXT else f"{text[: MOST_OF_TEXT - 3].rstrip()}..."


def _fitting(rows: Sequence[Cells]) -> list[Cells]:
    """As many of the first rows as `LINES` hold."""
    texts = [["".join(span.text for span in spans(cell)) for cell in row] for row in rows]
    name = min(MOST_OF_NAME, max((len(cells[0]) for cells in texts), default=0))
    rest = WIDTH - 2 - name - max((len(cells[1]) for cells in texts), default=0)
    shown: list[Cells] = []
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
