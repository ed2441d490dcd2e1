"""Emitted modules: a docstring, the imports that the code needs, blocks of lines, a template."""

from __future__ import annotations

import ast
import symtable
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.emit.imports import from_import
from advisor.emit.source_text import prose

if TYPE_CHECKING:
    from jinja2 import Environment

_MODULES = (
    *("asyncio", "itertools", "json", "math", "multiprocessing", "os", "random", "sys"),
    *("tempfile", "yaml"),
)
_NAMES = {
    "concurrent.futures": ("ProcessPoolExecutor", "ThreadPoolExecutor"),
    "dagster": (
        *("DagsterInstance", "Definitions", "DynamicOut", "DynamicOutput", "Failure"),
        *("GraphDefinition", "NodeInvocation", "Permissive", "execute_job"),
        *("in_process_executor", "job", "multiprocess_executor", "op", "reconstructable"),
    ),
    "dagster_async_executor": ("async_executor",),
    "dagster_aws.ecs": ("ecs_executor",),
    "dagster_celery": ("celery_executor",),
    "dagster_celery_k8s": ("celery_k8s_job_executor",),
    "dagster_docker": ("docker_executor",),
    "dagster_k8s": ("k8s_job_executor",),
    "dagster_ray": ("ray_executor",),
    "pathlib": ("Path",),
    "traceback": ("format_exception",),
}
"""What emitted code may name without a definition of its own, by the module that it is from."""


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
    template: str,
    paragraphs: Iterable[str],
    blocks: Iterable[str],
    *,
    thread_limit: str = "",
    given: str = "",
    **values: object,
) -> str:
    """A module; an undefined value raises.

    Args:
        paragraphs: Of its docstring.
        blocks: Lines before the filled template, a blank line after each; empty ones are left out.
        thread_limit: Lines that limit threads, before all imports.
        given: Import lines of copied code among them.
        values: For the template.
    """
    rendered = _environment().get_template(template).render(**values)
    body = "\n\n".join(filter(None, [*blocks, rendered]))
    head = [f'"""{prose(paragraphs)}\n"""', thread_limit, imports_of(body, given)]
    return "\n\n".join([*filter(None, head), body]).rstrip("\n") + "\n"


def imports_of(code: str, given: str = "") -> str:
    """The imports of what the code names and does not define, as ``ruff`` sorts them.

    ``given``: import lines that it has already; they are sorted in.
    """
    needed = _undefined(f"{given}\n{code}")
    lines = [f"import {module}" for module in _MODULES if module in needed]
    for module, names in _NAMES.items():
        if used := [name for name in names if name in needed]:
            lines.append(from_import(module, used))
    parts: tuple[list[str], list[str]] = [], []
    for line in sorted([*filter(None, given.splitlines()), *lines], key=_place):
        module = line.split()[1].partition(".")[0]
        parts[module not in sys.stdlib_module_names].append(line)
    return "\n\n".join("\n".join(part) for part in parts if part)


def _place(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line.split()[1]


def _undefined(code: str) -> set[str]:
    """Names that code looks up in its module, and that the module does not bind."""
    module = symtable.symtable(code, "emitted", "exec")
    tables = [module]
    for table in tables:
        tables += table.get_children()  # the loop comes to them as well
    names = {
        each.get_name() for table in tables for each in table.get_symbols() if each.is_global()
    }
    return names - {each.get_name() for each in module.get_symbols() if each.is_local()}


@lru_cache
def copied(*modules: str) -> tuple[str, str]:
    """The first runtime module's imports, and what follows the imports of each.

    All that the others import from elsewhere, the first imports too.
    """
    parts = []
    for module in modules:
        path = Path(__file__).parent / "runtime" / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        lines, body = text.splitlines(), ast.parse(text).body
        imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
        first, last = imports[0].lineno - 1, imports[-1].end_lineno
        parts.append(("\n".join(lines[first:last]), "\n".join(lines[last:]).strip("\n")))
    return parts[0][0], "\n\n\n".join(code for _, code in parts)
