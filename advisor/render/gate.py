"""The gate's report as a document."""

from pathlib import Path

from advisor.domain.finding import Finding
from advisor.domain.gate import GateReport, TargetCheck, Verdict, proxy_sentence
from advisor.render import gate_wording as wording
from advisor.render.advice import TONES
from advisor.render.document import (
    Block,
    Code,
    Column,
    Document,
    Heading,
    ListBlock,
    Note,
    Paragraph,
    Row,
    Span,
    Table,
    Text,
    Tone,
)

TONES_OF_VERDICTS: dict[Verdict, Tone] = {
    Verdict.PASS: "good",
    Verdict.FAIL: "bad",
    Verdict.INCONCLUSIVE: "warn",
    Verdict.NOT_MEASURED: "warn",
}
_COLUMNS = tuple(Column(title, left=True) for title in ("what", "verdict", "measured"))


def gate_document(report: GateReport, root: Path) -> Document:
    """Verdict first, then target by target, every finding with its remedy.

    Files are shown relative to ``root``.
    """
    blocks: list[Block] = [gate_title(report)]
    for target in report.targets:
        blocks.append(Heading((_verdict(target.verdict), " ", Span(target.target, code=True))))
        blocks += _measured(target)
        for finding in target.findings:
            blocks += _finding(finding, report, root)
        blocks.append(ListBlock(target.notes))
    return Document((*blocks, Note(report.notes)))


def gate_title(report: GateReport) -> Heading:
    """The verdict in one line."""
    return Heading((_verdict(report.verdict), f": {wording.headline(report)}"), level=1)


def _verdict(verdict: Verdict) -> Span:
    return Span(verdict, strong=True, tone=TONES_OF_VERDICTS[verdict])


def _measured(target: TargetCheck) -> list[Block]:
    cells: list[tuple[Text, Text, Text]] = [
        (Span(timing.op, code=True), timing.verdict, wording.timing_sentence(timing))
        for timing in target.timings
    ]
    grown = [proxy for proxy in target.proxies if proxy.base != proxy.head]
    cells += [("count", "", proxy_sentence(proxy)) for proxy in grown]
    if target.advice is not None:
        cells.append(("configuration", "", wording.advice_sentence(target.advice)))
    blocks: list[Block] = [Table(_COLUMNS, tuple(map(Row, cells)))] if cells else []
    same = [proxy_sentence(p) for p in target.proxies if p.base == p.head]
    return [*blocks, Note((f"Counts: {'; '.join(same)}.",))] if same else blocks


def _finding(finding: Finding, report: GateReport, root: Path) -> list[Block]:
    """What is wrong, and the remedy: a sentence, with code below where it has several lines."""
    code = Span(f"{finding.severity} {finding.code}", strong=True, tone=TONES[finding.severity])
    failing = " (fails the gate) " if report.fails(finding) else " "
    where = Span(wording.where(finding, root), code=True)
    blocks: list[Block] = [Paragraph(((code, failing, where, f": {finding.message}"),))]
    sentence, _, rest = finding.remedy.partition("\n")
    if sentence:
        blocks.append(ListBlock((sentence,), under=True))
    if rest:
        blocks.append(Code(rest, under=True))
    return blocks
