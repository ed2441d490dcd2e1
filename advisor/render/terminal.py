"""A document for a terminal."""

import io
import textwrap

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table as Grid
from rich.text import Text as Styled

from advisor.render import document as doc
from advisor.render.document import Block, Document, Text, Tone, spans
from advisor.render.escaping import one_line, printable
from advisor.render.gantt import gantt_text

INDENT = 2
ROOMY = 100
"""Columns from which a terminal shows all of a table."""

_STYLES: dict[Tone, str] = {
    "": "", "good": "green", "warn": "yellow", "bad": "red", "note": "cyan", "quiet": "dim"
}  # fmt: skip


def to_text(document: Document, *, width: int = 100, color: bool = False, wrap: bool = True) -> str:
    """The whole document, without blanks at the ends of its lines.

    ``wrap`` False leaves each line whole, however long, to be searched or pasted.
    """
    page = _Page(width, color, wrap)
    for block in document.blocks:
        page.show(block)
    if document.more:
        page.foot(document.more)
    return page.text()


class _Page:
    def __init__(self, width: int, color: bool, wrap: bool) -> None:
        self._file = io.StringIO()
        self._color, self._width, self._wrap = color, width, wrap
        self._previous: Block | None = None
        self._console = Console(
            file=self._file,
            width=width if wrap else 10_000,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    def text(self) -> str:
        lines = self._file.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"

    def show(self, block: Block) -> None:  # noqa: C901, PLR0912 - a case for each kind of block
        apart = isinstance(self._previous, doc.Table | doc.Code)
        if apart and not isinstance(block, doc.Heading | doc.Headline):
            self._print("")
        if not isinstance(block, doc.Details):
            self._previous = block
        match block:
            case doc.Heading(text):
                self._print("")
                self._print(_styled(text, "bold"))
            case doc.Headline(verdict, lines, tone):
                self._print("")
                self._put(_styled(verdict, f"bold {_STYLES[tone]}"))
                self._lines(lines)
            case doc.Paragraph(lines, tone):
                self._lines(lines, _STYLES[tone])
            case doc.Note(lines):
                self._lines(lines, "dim")
            case doc.ListBlock(items, tone, under):
                for item in items:
                    self._put(_point(_styled(item, _STYLES[tone])), 2 * INDENT if under else INDENT)
            case doc.Table():
                self._table(block)
            case doc.Code(text, language, under):
                self._code(text, language, 3 * INDENT if under else 0)
            case doc.Timeline(bars, makespan_s):
                chart = gantt_text(bars, makespan_s, self._width - INDENT)
                self._code(chart, "", INDENT)
            case doc.Details(summary, blocks, short):
                if blocks and not short:
                    self.show(doc.Heading(summary))
                for part in short or blocks:
                    self.show(part)

    def foot(self, more: str) -> None:
        """Where the rest is; below commands to type as a comment, so that all can be copied."""
        line = f"{more}: --details, --format json."
        if isinstance(self._previous, doc.Code):
            for part in textwrap.wrap(line, self._width - 2):
                self._print(Styled(f"# {part}", style="dim"))
            return
        if isinstance(self._previous, doc.Table):
            self._print("")
        self._lines((line,), "dim")

    def _lines(self, lines: tuple[Text, ...], style: str = "") -> None:
        for line in lines:
            self._put(_styled(line, style))

    def _print(self, renderable: RenderableType) -> None:
        self._console.print(renderable)

    def _put(self, renderable: RenderableType, indent: int = INDENT) -> None:
        self._print(Padding(renderable, (0, 0, 0, indent)))

    def _table(self, table: doc.Table) -> None:
        roomy = self._width >= ROOMY
        titled = any(column.title for column in table.columns)
        # No rule under the head: a screen has no line for it.
        grid = Grid(box=None, pad_edge=False, header_style="dim", show_header=titled)
        grid.padding = (0, 1) if roomy or not self._wrap else (0, 1, 0, 0)
        places = [i for i, column in enumerate(table.columns) if roomy or not column.roomy]
        for column in (table.columns[place] for place in places):
            grid.add_column(
                Styled(one_line(column.title)),
                justify="left" if column.left else "right",
                overflow="fold",
                no_wrap=not column.wrap and not column.left,
            )
        for row in table.rows:
            style = f"{'bold' if row.strong else ''} {_STYLES[row.tone]}".strip()
            grid.add_row(*(_styled(row.cells[place]) for place in places), style=style)
        self._put(grid)

    def _code(self, text: str, language: str, indent: int) -> None:
        text = printable(text).rstrip()
        if self._color and language:
            code = Syntax("", language, theme="ansi_dark").highlight(text)
        else:
            code = Styled("\n".join(" " * indent + line for line in text.splitlines()))
        if text:
            self._console.print(code, soft_wrap=True)


def _styled(text: Text, style: str = "") -> Styled:
    styled = Styled(style=style)
    for span in spans(text):
        own = f"{'bold' if span.strong else ''} {_STYLES[span.tone]}".strip()
        styled.append(one_line(span.text), style=own or None)
    return styled


def _point(text: Styled) -> Grid:
    grid = Grid.grid(padding=(0, 1))
    grid.add_row("•", text)
    return grid
