"""An analysis as Markdown."""

from __future__ import annotations

from advisor.domain.analysis import Analysis, RunAnalysis
from advisor.render import analysis_tables as tables
from advisor.render.analysis_tables import Grid
from advisor.render.gantt import gantt_text


def analysis_to_markdown(analysis: Analysis) -> str:
    """The whole analysis; every text of a log is escaped."""
    lines = [f"# {_plain(tables.heading(analysis))}", "", *_grid(tables.runs_table(analysis.runs))]
    lines += ["", f"_{tables.TABLE_LEGEND}_"]
    for run in analysis.runs:
        lines += _run(run)
    for way, grid in tables.phases_tables(analysis.combined):
        lines += ["", f"## Phases of a step, {_plain(way)}", "", *_grid(grid)]
    if learned := tables.learned_sentences(analysis.overhead):
        lines += ["", "## What these runs teach of the place where they ran", ""]
        lines += [f"- {_plain(text)}" for text in (*learned, *analysis.overhead.notes)]
    if analysis.ways:
        lines += ["", "## Other ways under this executor, from its own history", ""]
        lines += _grid(tables.ways_table(analysis.ways))
    if analysis.drift is not None:
        lines += ["", "## Since the advice", "", *_grid(tables.drift_table(analysis.drift)), ""]
        lines += [f"- {_plain(text)}" for text in tables.drift_sentences(analysis.drift)]
    if analysis.notes:
        lines += ["", *(f"- {_plain(text)}" for text in analysis.notes)]
    if analysis.saved_to:
        lines += ["", f"Profile saved: `{analysis.saved_to}`"]
    return "\n".join(lines) + "\n"


def _run(run: RunAnalysis) -> list[str]:
    lines = ["", f"## {_plain(tables.run_heading(run))}", "", tables.parallel_sentence(run)]
    lines += [f"- {_plain(note)}" for note in run.notes]
    if chart := gantt_text(run.bars, run.totals.makespan_s):
        lines += ["", "```text", chart, "```"]
    for diagnosis in run.diagnoses:
        lines += ["", f"**{diagnosis.code} {diagnosis.severity}: {_plain(diagnosis.message)}**", ""]
        lines += [f"- {_plain(text)}" for text in tables.diagnosis_lines(diagnosis)]
    return lines


def _grid(grid: Grid) -> list[str]:
    def row(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(_plain(cell) for cell in cells) + " |"

    rule = "|" + "|".join("---" if index == 0 else "---:" for index in range(len(grid.head))) + "|"
    return [row(grid.head), rule, *(row(cells) for cells in grid.rows)]


def _plain(text: str) -> str:
    """Text without meaning to Markdown or HTML."""
    for sign in ("\\", "|", "*", "_", "`", "[", "]", "#"):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
