"""Rendering of the templates that lie beside the emitters."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
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


def sorted_imports(statements: Iterable[str]) -> str:
    """Import statements as ``ruff`` sorts them: the standard library's first."""
    parts: tuple[list[str], list[str]] = [], []
    for statement in sorted(statements, key=_place):
        module = statement.split()[1].partition(".")[0]
        parts[module not in sys.stdlib_module_names].append(statement)
    return "\n\n".join("\n".join(part) for part in parts if part)


def runtime_code() -> str:
    """The code of the runtime modules after their imports.

    All that ``rewiring`` imports from elsewhere, ``batching`` imports too.
    """
    return f"{copied('batching')[1]}\n\n\n{copied('rewiring')[1]}"


def _place(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line.split()[1]


@lru_cache
def copied(module: str) -> tuple[str, str]:
    """A runtime module's imports, and what follows them."""
    text = (Path(__file__).parent / "runtime" / f"{module}.py").read_text(encoding="utf-8")
    lines, body = text.splitlines(), ast.parse(text).body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    first, last = imports[0].lineno - 1, imports[-1].end_lineno
    return "\n".join(lines[first:last]), "\n".join(lines[last:]).strip("\n")
