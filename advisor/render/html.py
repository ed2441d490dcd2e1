"""One self-contained HTML page of a document: nothing is loaded from elsewhere.

The report's page has its model and its charts in it, as a script that its own policy names by its
hash; other pages have no script at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from advisor.render.document import Document, spans_with_code
from advisor.render.escaping import printable
from advisor.render.gantt import gantt_text

TIMELINE_WIDTH = 120


def to_html(
    document: Document,
    title: str,
    footer: str = "",
    profiles: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page. The template escapes every text.

    Args:
        document: What is shown; below the interactive part, folded, where there is one.
        title: The page's title.
        footer: Small print.
        profiles: What the interactive part shows and computes with: one profile, or two compared.
    """
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
    environment.globals.update(hash=_policy_hash)
    source = (files("advisor.render") / "templates" / "page.html.jinja").read_text("utf-8")
    return environment.from_string(source).render(
        blocks=document.blocks,
        title=title,
        footer=footer,
        style=_part("base.css") + (_part("page.css") if profiles else ""),
        script=f"{_part('sim.js')}\n{_part('app.js')}" if profiles else "",
        body=_part("body.html") if profiles else "",
        data=_in_script({"profiles": profiles}),
    )


@cache
def _part(name: str) -> str:
    return (files("advisor.render") / "page" / name).read_text("utf-8")


def _in_script(value: Any) -> str:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _policy_hash(text: str) -> str:
    """A source of a content security policy: this very text, and nothing else."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
