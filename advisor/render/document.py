"""What is shown, before it has a form: each report is built as a document once.

The back-ends (:mod:`terminal`, :mod:`markdown`, :mod:`html`) give it a form and escape every text;
nothing in a document is escaped. Words between backticks in a plain text are code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from advisor.domain.analysis import GanttBar

Tone = Literal["", "good", "warn", "bad", "note", "quiet"]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text that is to look otherwise than the rest."""

    text: str
    strong: bool = False
    code: bool = False
    tone: Tone = ""


Text: TypeAlias = str | Span | tuple[str | Span, ...]


def spans(text: Text) -> Iterator[Span]:
    """The parts of a text, each with its look."""
    for part in text if isinstance(text, tuple) else (text,):
        yield part if isinstance(part, Span) else Span(part)


def spans_with_code(text: Text) -> Iterator[Span]:
    """The same, with what stands between backticks as code of its own."""
    for span in spans(text):
        if span.code:
            yield span
            continue
        # Odd places hold what was between a pair of single backticks.
        for place, part in enumerate(re.split(r"(?<!`)`([^`\n]+)`(?!`)", span.text)):
            if part:
                yield Span(part, span.strong, place % 2 == 1, span.tone)


@dataclass(frozen=True, slots=True)
class Heading:
    """``level`` 1 is the document's title."""

    text: Text
    level: int = 2


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer in a few lines, the first of which is the verdict."""

    verdict: Text
    lines: tuple[Text, ...] = ()
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of text that belong together."""

    lines: tuple[Text, ...]
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class ListBlock:
    """Points, one a line; ``under`` a finding they stand further in."""

    items: tuple[Text, ...]
    tone: Tone = ""
    under: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column. One of figures breaks no line unless it may ``wrap``; words always may.

    One for ``roomy`` places is left out of a narrow terminal.
    """

    title: str
    left: bool = False
    wrap: bool = False
    roomy: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """A figure beside a row, where a form can draw: parts side by side, an interval above.

    Attributes:
        parts: Name, start and width in percent, and the value in words.
        low, high: The interval's ends in percent.
    """

    parts: tuple[tuple[str, float, float, str], ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """Cells under the columns."""

    cells: tuple[Text, ...]
    tone: Tone = ""
    strong: bool = False
    bars: Bars | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be copied as it is."""

    text: str
    language: str = ""
    under: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Small print."""

    lines: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run's steps over time."""

    bars: tuple[GanttBar, ...]
    makespan_s: float


@dataclass(frozen=True, slots=True)
class Details:
    """What can be folded. A terminal shows ``short`` instead, where there is one."""

    summary: str
    blocks: tuple[Block, ...]
    short: tuple[Block, ...] = ()


Block: TypeAlias = (
    Heading | Headline | Paragraph | ListBlock | Table | Code | Note | Timeline | Details
)


@dataclass(frozen=True, slots=True)
class Document:
    """All that one report shows, in the order in which it is read.

    ``more`` is what a screen leaves out, said on a terminal alone: elsewhere it is folded below.
    """

    blocks: tuple[Block, ...]
    more: str = ""


def and_more(words: str, rest: str) -> str:
    """The ``rest``, after ``words`` where there are any, as a sentence begins."""
    return f"{words}, {rest}" if words else rest[:1].upper() + rest[1:]


def plain_table(
    header: Sequence[str],
    rows: Iterable[Sequence[Text]],
    *,
    words: Sequence[str] = (),
    wrap: bool = False,
) -> Table:
    """A table with words in the first column, and in those of ``words``; figures in the others."""
    columns = (
        Column(title, left=not place or title in words, wrap=wrap)
        for place, title in enumerate(header)
    )
    return Table(tuple(columns), tuple(Row(tuple(row)) for row in rows))
