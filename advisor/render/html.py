"""One self-contained HTML page of a document: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from advisor.render.document import Document, spans_with_code
from advisor.render.escaping import printable
from advisor.render.gantt import gantt_text

TIMELINE_WIDTH = 120


def to_html(document: Document, title: str, footer: str = "") -> str:
    """The page. The template escapes every text."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(
        spans=spans_with_code,
        kind=lambda block: type(block).__name__,
        chart=lambda line: gantt_text(line.bars, line.makespan_s, TIMELINE_WIDTH),
    )
    source = (files("advisor.render") / "templates" / "page.html.jinja").read_text("utf-8")
    return environment.from_string(source).render(
        blocks=document.blocks, title=title, footer=footer
    )
