"""A document as Markdown, for a comment on a pull request."""

from advisor.render import document as doc
from advisor.render.document import Block, Document, Span, Text, Tone, spans_with_code
from advisor.render.escaping import (
    html_in_markdown,
    markdown,
    markdown_block,
    markdown_code,
    markdown_line,
)
from advisor.render.gantt import gantt_text

TIMELINE_WIDTH = 100
#: Markdown has no colours: what is strong and has a tone gets a sign.
_SIGNS: dict[Tone, str] = {
    "good": "✅ ",
    "bad": "❌ ",
    "warn": "⚠️ ",
    "note": "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16} ",
}


def to_markdown(document: Document) -> str:
    """The whole document."""
    return "\n\n".join(part for part in map(_shown, document.blocks) if part) + "\n"


def _shown(block: Block) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case doc.Heading(text, level):
            return f"{'#' * (level + 1)} {_inline(text)}"
        case doc.Headline(verdict, lines):
            points = [f"- {_line(line)}" for line in lines]
            return "\n".join([f"**{_inline(verdict).strip()}**", "", *points])
        case doc.Paragraph(lines):
            return "\\\n".join(map(_line, lines))
        case doc.Note(lines):
            return f"<sub>{'<br>'.join(map(_inline, lines))}</sub>" if lines else ""
        case doc.ListBlock(items):
            return "\n".join(f"- {_line(item)}" for item in items)
        case doc.Table():
            return _table(block)
        case doc.Code(text, language):
            return markdown_block(text, language)
        case doc.Timeline(bars, makespan_s):
            chart = gantt_text(bars, makespan_s, TIMELINE_WIDTH)
            return markdown_block(chart, "text") if chart else ""
        case doc.Details(summary, blocks):
            body = to_markdown(Document(blocks))
            summary = html_in_markdown(summary)
            return f"<details><summary>{summary}</summary>\n\n{body}\n</details>" if blocks else ""


def _table(table: doc.Table) -> str:
    rule = ["---" if column.left else "---:" for column in table.columns]
    head = [markdown(column.title) for column in table.columns]
    rows = [[_inline(cell, cell=True) for cell in row.cells] for row in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _line(text: Text) -> str:
    return markdown_line(_inline(text))


def _inline(text: Text, *, cell: bool = False) -> str:
    return "".join(_span(span, cell) for span in spans_with_code(text))


def _span(span: Span, cell: bool) -> str:
    text = markdown_code(span.text, cell=cell) if span.code else markdown(span.text)
    if not span.strong or span.text.strip() != span.text:
        return text
    return f"{_SIGNS.get(span.tone, '')}**{text}**"
