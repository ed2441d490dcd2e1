"""JSON of ours on disk (profiles, calibrations): read strictly, with numbers that can be."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

#: Largest number (1 PB), and most seconds: 300 years, in which a clock still tells milliseconds.
MOST, MOST_S = 1e15, 1e10
#: Of a core: the least that a container can be given.
LEAST_CPUS = 1e-3
_AT_LEAST_ONE = frozenset(
    {"cpu_count", "effective_max_concurrent", "batch_size", "workers"}
    | {"workers_in_op", "moments"}
)
#: Most of what is simulated one by one, or is a place in a list; none of it is below 0.
_COUNTS = {"other_steps": 10_000, "after_calls": 1e6, "attempts": 1e6} | dict.fromkeys(
    ("item", "fan_out_items", "collect_items", "skipped", "slowdown"), 1e6
)
_COUNTS |= dict.fromkeys(("events", "asset_events", "log_events", "errors_logged"), 1e9)
_NOT_EMPTY = frozenset({"ops", "mapped"})
_USERS = frozenset({"user_config", "tag_concurrency_limits"})  # any value, as Dagster's own 0


class UnfitError(ValueError):
    """A value that is not one of ours.

    Attributes:
        field: Where it stands in the document, its keys joined by points.
    """

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"`{field}`: {what}")
        self.field = field


@functools.cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """What reads and writes a dataclass."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def parse(text: str) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: It is no JSON, nested too deep, or holds a number that is not finite.
    """
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def fitted(kind: type[T], document: Any) -> T:
    """The ``kind`` that ``document`` describes.

    Raises:
        UnfitError: A value has another type, or cannot be: seconds below 0, no processor at all.
    """
    from pydantic import ValidationError

    for place, what in _senseless(document, ()):
        raise UnfitError(".".join(map(str, place)), what)
    try:
        # Strict JSON mode: an array may fill a tuple, but "1" is no number and 1.5 no integer.
        fit: T = adapter(cast("Hashable", kind)).validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        field = ".".join(map(str, problems[0]["loc"])) or "the whole"
        message = problems[0]["msg"]
        raise UnfitError(field, f"{message[:1].lower()}{message[1:]}{more}") from None
    return fit


def _finite(spelled: str) -> float:
    value = float(spelled)
    if not math.isfinite(value):
        raise ValueError(f"{spelled} is not a finite number")
    return value


def _senseless(value: Any, field: tuple[str | int, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """The numbers and empty lists that cannot be, with their places."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _USERS:
                continue
            yield from _senseless(inner, (*field, key))
    elif isinstance(value, list):
        if not value and field and field[-1] in _NOT_EMPTY:
            yield field, "is empty"
        for place, inner in enumerate(value):
            yield from _senseless(inner, (*field, place))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        name = next((key for key in reversed(field) if isinstance(key, str)), "")
        if what := _why_not(name, value):
            yield field, what


def _why_not(name: str, value: float) -> str:
    """Why a number cannot be that of this name; empty where it can."""
    most = MOST_S if name.endswith("_s") else MOST
    if abs(value) > most:
        return f"is larger than {most:.0e}"
    if value < 0 and name.endswith(("_s", "_bytes")):
        return "is below 0"
    if name.endswith("_share") and not 0 <= value <= 1:
        return f"is {value:g}; a share is from 0 to 1"
    if name in _COUNTS and not 0 <= value <= _COUNTS[name]:
        return f"is {value:g}; from 0 to {_COUNTS[name]:g} can be"
    if (value < 1 and name in _AT_LEAST_ONE) or (value < LEAST_CPUS and name == "cpus"):
        return f"is {value:g}"
    return ""
