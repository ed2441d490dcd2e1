"""A page of text for a terminal; whatever comes from a user or a log is text, never markup."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

INDENT = 2
SEVERITY_STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}


class Page:
    """Collects pieces, ``width`` columns wide, with or without colour."""

    def __init__(self, width: int, color: bool) -> None:
        self._file = io.StringIO()
        self._color = color
        self._console = Console(
            file=self._file,
            width=width,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    def title(self, text: str) -> None:
        """A heading, after an empty line."""
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def line(self, text: str | Text, style: str = "", indent: int = INDENT) -> None:
        """A paragraph, wrapped."""
        styled = Text(text, style=style) if isinstance(text, str) else text
        self._console.print(Padding(styled, (0, 0, 0, indent)))

    def points(self, lines: Iterable[str], style: str = "", indent: int = INDENT) -> None:
        """A list, one point a line."""
        for text in lines:
            grid = Table.grid(padding=(0, 1))
            grid.add_row("•", Text(text, style=style))
            self._console.print(Padding(grid, (0, 0, 0, indent)))

    def raw(self, text: str) -> None:
        """Lines as they are."""
        if text:
            self._console.print(
                Padding(Text(text, no_wrap=True), (0, 0, 0, INDENT)), soft_wrap=True
            )

    def table(self, table: Table, indent: int = INDENT - 1) -> None:
        """A table."""
        self._console.print(Padding(table, (0, 0, 0, indent)))

    def code(self, text: str, language: str) -> None:
        """As it is, to be copied: not wrapped, not indented."""
        if self._color:
            highlighted = Syntax("", language, theme="ansi_dark").highlight(text.rstrip())
            self._console.print(highlighted, soft_wrap=True)
        else:
            self._console.print(Text(text.rstrip()), soft_wrap=True)

    def text(self) -> str:
        """The whole page, without blanks at the ends of its lines."""
        lines = self._file.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"
