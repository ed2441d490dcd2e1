"""Text that is safe inside generated Python: names, literals, comments, docstrings.

Collections are written one entry a line with a trailing comma, which is how ``ruff format`` leaves
them whatever their width.
"""

import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from advisor.domain.errors import DynadviseError

WIDTH = 88  # the default line length of ruff and black
_INDENT = "    "


def identifier(name: str, what: str) -> str:
    """The name itself, where it can stand as a name in Python.

    Raises:
        DynadviseError: It cannot; ``what`` says whose name it is.
    """
    if name.isidentifier() and not keyword.iskeyword(name):
        return name
    raise DynadviseError(
        f"{what} is called {name!r}, which cannot stand as a name in generated Python.",
        hint="Give it a name of letters, digits and underscores that is no Python keyword.",
    )


def dotted(name: str, what: str) -> str:
    """A dotted name, each part of which is an identifier.

    Raises:
        DynadviseError: One of its parts is not.
    """
    return ".".join(identifier(part, what) for part in name.split("."))


def quoted(text: str) -> str:
    """A string literal in the quotes that ``ruff format`` prefers."""
    body = repr(text)[1:-1].replace("\\'", "'")
    if text.count('"') > text.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def literal(value: object, depth: int = 0) -> str:
    """A Python literal, collections one entry a line; ``depth`` is the indentation's level."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(literal(entry) for entry in value) + ")"
    if isinstance(value, Mapping):
        entries = [_entry(k, v, depth + 1) for k, v in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, Sequence):
        entries = [literal(entry, depth + 1) for entry in value]
        opening, closing = "[", "]"
    else:
        return repr(value)
    if not entries:
        return opening + closing
    inner = "".join(f"{_INDENT * (depth + 1)}{entry},\n" for entry in entries)
    return f"{opening}\n{inner}{_INDENT * depth}{closing}"


def _entry(key: object, value: object, depth: int) -> str:
    """One entry of a dictionary; a tuple that is too long for its line is broken as a list is."""
    text = f"{literal(key)}: {literal(value, depth)}"
    if not isinstance(value, tuple) or len(_INDENT * depth + text + ",") <= WIDTH:
        return text
    return f"{literal(key)}: ({literal(list(value), depth)[1:-1]})"


def one_line(text: str) -> str:
    """The text without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def comment(text: str, depth: int = 0) -> str:
    """The text as lines of comment, wrapped, without a final line break."""
    lead = _INDENT * depth + "# "
    lines = _wrapped(one_line(text), WIDTH - len(lead))
    return "\n".join(lead + line for line in lines) or lead.rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a text; what stands between backticks is a command, and stays in one line."""
    whole = re.sub("`[^`]*`", lambda quoted: quoted[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def prose(paragraphs: Iterable[str]) -> str:
    """Paragraphs for the body of a docstring, wrapped and escaped."""
    safe = (one_line(text).replace("\\", "\\\\").replace('"', "'") for text in paragraphs)
    return "\n\n".join("\n".join(_wrapped(text, WIDTH)) for text in safe if text)
