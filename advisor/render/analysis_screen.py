"""What past runs tell, on one screen: what they lost, the main cause, and the remedy."""

from dataclasses import dataclass

from advisor.domain.analysis import Analysis, Diagnosis
from advisor.domain.finding import SEVERITIES
from advisor.domain.quantities import count, seconds
from advisor.render.advice import TONES
from advisor.render.analysis import change_in_words, heading, runs_table
from advisor.render.backfill import backfill_blocks
from advisor.render.document import (
    Block,
    Document,
    Headline,
    ListBlock,
    Note,
    Paragraph,
    Span,
    Timeline,
)

MOST_RUNS, MOST_LANES, MOST_NOTES = 3, 4, 2


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of problem over all runs; ``newest`` is how the newest run had it."""

    newest: Diagnosis
    runs: int
    gain_s: float

    @property
    def gain(self) -> str:
        """What its remedy saves in all runs, in words."""
        bound = "up to " if self.newest.at_most else ""
        return f"{bound}{seconds(self.gain_s)}" if self.gain_s > 0 else "gain unknown"


def headline(analysis: Analysis) -> Headline:
    """What was read, how long it ran, and how much of that the worst problem costs."""
    runs, causes = analysis.runs, causes_of(analysis)
    total = f"{heading(analysis)}: {seconds(sum(run.totals.makespan_s for run in runs))}"
    if not causes:
        return Headline(f"{total}. No problem found.", tone="good")
    worst = causes[0]
    saved = f", of which {worst.gain} can be saved" if worst.gain_s > 0 else ""
    return Headline(f"{total}{saved}.", tone=TONES[worst.newest.severity])


def analysis_screen(analysis: Analysis) -> Document:
    """The verdict over all runs, the worst problem, the newest runs' totals."""
    runs, causes = analysis.runs, causes_of(analysis)
    blocks: list[Block] = [headline(analysis)]
    if causes:
        worst, *others = causes
        blocks += _cause(worst, len(runs))
        also = ", ".join(f"{each.newest.code} ({each.gain})" for each in others)
        blocks.append(Note((f"Also: {also}; the gains overlap.",) if others else ()))
    if analysis.backfill is not None:
        blocks += backfill_blocks(analysis.backfill)
    blocks.append(runs_table(runs[:MOST_RUNS]))
    bars = runs[0].bars
    if len(runs) == 1 and max((bar.lane for bar in bars), default=0) < MOST_LANES:
        blocks.append(Timeline(bars, runs[0].totals.makespan_s))
    drift = analysis.drift
    changes = [change_in_words(each, drift.points) for each in drift.changes] if drift else []
    blocks.append(ListBlock((*changes, *analysis.notes[:MOST_NOTES])))
    more = f"{count(len(runs) - MOST_RUNS, 'more run')}, p" if len(runs) > MOST_RUNS else "P"
    return Document(tuple(blocks), f"{more}hases, charts, all evidence")


def causes_of(analysis: Analysis) -> list[Cause]:
    """Problems by code, the worst first: by severity, and then by what they cost all runs."""
    by_code: dict[str, list[Diagnosis]] = {}
    for run in analysis.runs:
        for diagnosis in run.diagnoses:
            by_code.setdefault(diagnosis.code, []).append(diagnosis)
    causes = [
        Cause(same[0], len(same), sum(each.gain_s or 0.0 for each in same))
        for same in by_code.values()
    ]
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(causes, key=lambda each: (-rank[each.newest.severity], -each.gain_s))


def _cause(cause: Cause, runs: int) -> list[Block]:
    worst = cause.newest
    often = f", in {cause.runs} of {runs} runs" if runs > 1 else ""
    code = Span(f"{worst.code} {worst.severity}{often}: ", strong=True, tone=TONES[worst.severity])
    remedy = ListBlock((f"Remedy: {worst.remedy}",), under=True)
    return [Paragraph(((code, worst.message),)), remedy]
