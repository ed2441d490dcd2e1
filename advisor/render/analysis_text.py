"""An analysis in a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from advisor.domain.analysis import Analysis, RunAnalysis
from advisor.render import analysis_tables as tables
from advisor.render.analysis_tables import Grid
from advisor.render.gantt import gantt_text
from advisor.render.page import SEVERITY_STYLES, Page
from advisor.render.wording import printable

SHOWN_IN_FULL = 3
"""Runs shown with chart and diagnosis; of more, the table and the combined phases tell."""

SHOWN_WAYS = 8
"""Ways under a pod-starting executor; the JSON holds all."""


def analysis_to_text(analysis: Analysis, *, width: int = 100, color: bool = False) -> str:
    """The whole analysis as text, ``width`` columns wide."""
    page = Page(width, color)
    page.title(tables.heading(analysis))
    page.table(_table_of(tables.runs_table(analysis.runs)))
    page.line(tables.TABLE_LEGEND, "dim")
    for run in analysis.runs[:SHOWN_IN_FULL]:
        _run(page, run, width)
    if len(analysis.runs) > SHOWN_IN_FULL:
        page.line(
            f"{len(analysis.runs) - SHOWN_IN_FULL} more runs in the tables; "
            "--run ID shows one in full, --format json all."
        )
    for way, grid in tables.phases_tables(analysis.combined):
        page.title(f"Phases of a step, {way}: median (10th to 90th percentile)")
        page.table(_table_of(grid))
    if learned := tables.learned_sentences(analysis.overhead):
        page.title("What these runs teach of the place where they ran")
        page.points(learned)
        page.points(analysis.overhead.notes, "dim")
    if analysis.ways:
        page.title("Other ways under this executor, from its own history")
        page.table(_table_of(tables.ways_table(analysis.ways[:SHOWN_WAYS])))
        page.line("Batches need a change of code: `dynadvise emit --as batch` shows it.", "dim")
    if analysis.drift is not None:
        page.title("Since the advice" if analysis.drift.median_error is not None else "Over time")
        page.table(_table_of(tables.drift_table(analysis.drift)))
        page.points(tables.drift_sentences(analysis.drift))
    page.points(analysis.notes, "dim")
    if analysis.saved_to:
        page.line(f"Profile saved: {analysis.saved_to}")
    return page.text()


def _run(page: Page, run: RunAnalysis, width: int) -> None:
    page.title(tables.run_heading(run))
    page.line(tables.parallel_sentence(run))
    page.points(run.notes, "dim")
    page.raw(gantt_text(run.bars, run.totals.makespan_s, width - 2))
    if not run.diagnoses:
        page.line("Nothing in it stands out.", "green")
    for diagnosis in run.diagnoses:
        head = Text()
        head.append(
            f"{diagnosis.code} {diagnosis.severity}: ", style=SEVERITY_STYLES[diagnosis.severity]
        )
        head.append(printable(diagnosis.message), style="bold")
        page.line(head)
        page.points(tables.diagnosis_lines(diagnosis), indent=4)


def _table_of(grid: Grid) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(grid.head):
        left = index == 0 or name in {"method", "way"}
        table.add_column(
            Text(name), justify="left" if left else "right", overflow="fold", no_wrap=False
        )
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
