"""From a dataclass to JSON, by the table of shapes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from operator import attrgetter
from typing import Any, get_type_hints

from advisor.render.forms.table import SHAPES, Part, Shape


def json_text(document: Mapping[str, Any]) -> str:
    """JSON for people and machines; what could steer a terminal is escaped, numbers are finite."""
    lines = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).split("\n")
    return "\n".join(map(_escaped, lines)) + "\n"


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


@cache
def parts_of(source: type) -> Mapping[str, Part]:
    """The keys of a dataclass in JSON."""
    shape, kinds = SHAPES.get(source, Shape()), get_type_hints(source)
    parts: dict[str, Part] = {}
    for name in (part.name for part in fields(source) if part.name not in shape.without):
        if name not in shape.inlined:
            parts[shape.renamed.get(name, name)] = kinds[name], attrgetter(name)
            continue
        for key, (kind, value) in parts_of(kinds[name]).items():
            parts[key] = kind, partial(_of_part, name, value)
    return parts | dict(shape.added)


def _of_part(name: str, value: Callable[[Any], Any], whole: Any) -> Any:
    return value(getattr(whole, name))


def content(value: Any) -> Any:
    """A value as JSON has it."""
    kind: type = type(value)
    if is_dataclass(kind):
        return {key: content(of(value)) for key, (_, of) in parts_of(kind).items()}
    if isinstance(value, Mapping):
        return {key: content(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [content(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return value.item() if hasattr(value, "item") else value  # a numpy scalar of the model's
