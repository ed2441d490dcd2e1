"""Screens, pages, messages and docs speak the field's words, one meaning per word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = r"(?:item|step|op|batch|slot|run|core|call|second)"
BETTER = {
    r"at once": "max_concurrent N, in parallel; immediately",
    r"charg(?:es?|ed|ing)": "overhead",
    r"best in": "fastest in, P(fastest)",
    r"draws?(?! (?:a|the) (?:line|picture))": "sample; show",
    r"warm(?![:`,])": "forkserver with preload; first and later calls",
    r"beside (?:the|its|their|your) work": "overhead",
    r"times as fast as": "faster (speed-up)",
    r"near tie|near-tie": "tie",
    r"floors?": "lower bound",
    r"wall clock": "run time",
    r"teach(?:es)?": "learned from",
    r"would settle it": "to be more certain",
    r"as it is and so|not asked": "now, with this option",
    rf"(?:(?<=\d )s|ms|MB|seconds|once|items|outputs?|lines?|paid) an? {UNIT}(?! (?:has|works))": (
        "per"
    ),
    rf"(?:each|{UNIT}s?) costs?": "takes; overhead per step",
}
"""What a reader stumbles on, and what is said instead."""
NAMES = {"warm", "warm forkserver", "warm preload", "warm preload list", "warm start", "at once"}
"""Keys of JSON and of an error in a spelled way: they stay."""


def strings_of(source: str) -> Iterator[str]:
    """Texts of a module for its users: no docstring, no name."""
    tree = ast.parse(source)
    described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) else None
        if not isinstance(value, str) or id(node) in described:
            continue
        if " " in value and value.strip() not in NAMES:
            yield value


def texts() -> Iterator[tuple[str, str]]:
    package = ROOT / "advisor"
    for file in sorted(package.rglob("*.py")):
        source = file.read_text("utf-8")
        copied = file.parent.name == "runtime"  # into the user's code, with its docstrings
        yield from ((str(file), text) for text in ([source] if copied else strings_of(source)))
    for ending in ("toml", "j2", "jinja", "html"):
        yield from ((str(file), file.read_text("utf-8")) for file in package.rglob(f"*.{ending}"))
    for file in package.rglob("*.js"):
        code = re.sub(r"^\s*//.*$", "", file.read_text("utf-8"), flags=re.MULTILINE)
        yield from ((str(file), text) for text in re.findall(r'"[^"\n]* [^"\n]*"|`[^`]*`', code))
    for file in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))):
        yield str(file), file.read_text("utf-8")


def test_no_reader_stumbles():
    patterns = {re.compile(rf"\b(?:{words})\b", re.IGNORECASE): it for words, it in BETTER.items()}
    stumbles = [
        f"{Path(where).relative_to(ROOT)}: {text[max(0, hit.start() - 40) : hit.end()]!r}: {better}"
        for where, text in texts()
        for pattern, better in patterns.items()
        for hit in pattern.finditer(text)
    ]
    assert not stumbles, "\n".join(stumbles)
