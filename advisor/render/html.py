"""One self-contained HTML page of a document: nothing is loaded from elsewhere.

The pages of ``report`` and ``analyze`` have their charts (and the former its model) in them, as a
script that the page's own policy names by its hash; other pages have no script at all.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from advisor.render.document import Document, spans_with_code
from advisor.render.escaping import printable
from advisor.render.gantt import gantt_text

TIMELINE_WIDTH = 120
MODEL = tuple(
    f"model/{name}.js"
    for name in ("sharing", "multiprocess", "setting", "batches", "memory", "model")
)
"""The scripts of the model, in the order in which they build on each other."""

_SCRIPTS = {
    "report": (*MODEL, "charts.js", "report.js"),
    "analysis": ("charts.js", "analysis.js"),
}


@dataclass(frozen=True, slots=True)
class InteractivePart:
    """What stands above a document, and is drawn in the page from ``data`` (plain values)."""

    name: Literal["report", "analysis"]
    data: Mapping[str, Any]


def to_html(
    document: Document,
    title: str,
    footer: str = "",
    above: InteractivePart | None = None,
) -> str:
    """The page. The template escapes every text.

    Args:
        document: What is shown; below the interactive part, folded, where there is one.
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
        style=page_parts("base.css", *(("charts.css", f"{above.name}.css") if above else ())),
        script=page_parts(*_SCRIPTS[above.name]) if above else "",
        body=page_parts(f"{above.name}.html") if above else "",
        data=_in_script(above.data) if above else "",
    )


@cache
def page_parts(*names: str) -> str:
    """Files of the pages, one after another."""
    folder = files("advisor.render") / "page"
    return "\n".join((folder / name).read_text("utf-8") for name in names)


def _in_script(value: Any) -> str:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _policy_hash(text: str) -> str:
    """A source of a content security policy: this very text, and nothing else."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
