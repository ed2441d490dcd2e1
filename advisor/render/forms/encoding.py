"""From a form (a dataclass of what a command prints) to JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter


def json_text(document: Mapping[str, Any]) -> str:
    """JSON for people and machines; what could steer a terminal is escaped, numbers are finite."""
    lines = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).split("\n")
    return "\n".join(map(_escaped, lines)) + "\n"


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def adapter(form: type) -> TypeAdapter[Any]:
    """Pydantic's view of a form."""
    return TypeAdapter(form)


def same_parts(value: Any, form: type) -> dict[str, Any]:
    """The parts of ``value`` that ``form`` has under the same name."""
    return {f.name: getattr(value, f.name) for f in fields(form) if hasattr(value, f.name)}


def plain(form: Any, *, finite: bool = True) -> dict[str, Any]:
    """Only what JSON has; a number that is not finite is an error, or null."""
    parts = adapter(type(form)).dump_python(form, by_alias=True, warnings=False)
    text = json.dumps(parts, allow_nan=not finite, default=_number)
    return json.loads(text, parse_constant=lambda _: None)  # type: ignore[no-any-return]


def _number(value: Any) -> Any:
    if hasattr(value, "item"):  # a numpy scalar that the model has left in a field
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")
