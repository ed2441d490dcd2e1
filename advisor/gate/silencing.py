"""Findings that a comment in the user's code silences."""

import ast
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from advisor.domain.finding import Finding

_COMMENT = re.compile(r"#\s*dynadvise:\s*ignore(?:\[(?P<codes>[\w\s,]*)\])?")


def silenced_by_comments(findings: Iterable[Finding], folder: Path) -> list[Finding]:
    """Findings whose place carries ``# dynadvise: ignore[CODE]`` (or without codes: all).

    The comment stands in the line itself, in the line above, or anywhere from the decorators to
    the signature of the function that the line belongs to.
    """
    return [finding for finding in findings if _is_silenced(finding, folder)]


def _is_silenced(finding: Finding, folder: Path) -> bool:
    if finding.location is None:
        return False
    lines, headers = _source(str(folder / finding.location.file))
    line = finding.location.line
    numbers = {line - 1, line}
    for first, last, end in headers:
        if first <= line <= end:
            numbers.update(range(first - 1, last + 1))
    return any(
        _names(lines[number - 1], finding.code) for number in numbers if 0 < number <= len(lines)
    )


def _names(line: str, code: str) -> bool:
    comment = _COMMENT.search(line)
    if comment is None:
        return False
    codes = comment["codes"]
    return codes is None or code in {name.strip() for name in codes.split(",")}


@lru_cache(maxsize=64)
def _source(file: str) -> tuple[Sequence[str], Sequence[tuple[int, int, int]]]:
    """A file's lines, and of each function the header's first and last line and the end."""
    try:
        text = Path(file).read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
        return (), ()
    headers = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            headers.append((first, node.body[0].lineno - 1 or first, node.end_lineno or first))
    return text.splitlines(), headers
