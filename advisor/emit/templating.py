"""Rendering of the templates that lie beside the emitters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.emit.source_text import prose

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the templates make Python, each value quoted as Python
    )


def module_text(
    template: str, paragraphs: Iterable[str], thread_limit: str = "", **values: object
) -> str:
    """A module: a docstring of these paragraphs, a limit on threads, and the filled template.

    An undefined value raises.
    """
    head = [f'"""{prose(paragraphs)}\n"""', *([thread_limit] if thread_limit else [])]
    return "\n\n".join([*head, _environment().get_template(template).render(**values)])
