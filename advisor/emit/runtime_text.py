"""The text of the modules in ``runtime``, as it is copied into emitted code."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

_STANDARD = ("json", "pathlib")  # of the further imports, those of the standard library


def runtime_imports(further: Iterable[str]) -> str:
    """Imports of the runtime modules, and further import statements among them, sorted."""
    standard, third = (part.splitlines() for part in copied("batching")[0].split("\n\n"))
    for line in further:
        (standard if line.split()[1] in _STANDARD else third).append(line)
    return "\n\n".join("\n".join(sorted(part, key=_place)) for part in (standard, third))


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
