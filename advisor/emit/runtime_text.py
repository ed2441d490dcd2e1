"""The text of the modules in ``runtime``, as it is copied into emitted code."""

import ast
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


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
