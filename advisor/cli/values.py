"""Values of options, each checked before anything is run."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from advisor.domain.command_line import path_of
from advisor.domain.options import BOUNDS, LEAST_NUMBER, MOST_ITEMS, MOST_NUMBER
from advisor.domain.quantities import parse_size

COUNT = click.IntRange(min=1, max=10**9)
ITEMS = click.IntRange(min=1, max=MOST_ITEMS)


class Parsed(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3
    """A value that ``parse`` makes of a text; its `ValueError` says what is wrong with that."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value; a default that is no text stays.

        Raises:
            BadParameter: It is none.
        """
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def _number(text: str) -> float:
    """A number above 0 within bounds: 0.0000001 and 10^12 are slips of the keyboard."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not LEAST_NUMBER <= number <= MOST_NUMBER:
        raise ValueError(f"{text} is no number {BOUNDS}")
    return number


def _fraction(bound: int, text: str) -> float:
    """A fraction below ``bound``: ``0.1`` or ``10%``."""
    text = text.strip()
    try:
        number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no fraction such as 0.1 or 10%") from None
    if not 0 <= number < bound:
        raise ValueError(f"{text!r} is not between 0 and {bound}")
    return number


def names(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


class _Path(click.Path):
    """A path, of which ``~`` is the user's home also where no shell has replaced it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, checked as it is asked for."""
        return super().convert(path_of(os.fspath(value)), param, ctx)


NUMBER = Parsed("number", _number)
FRACTION, SHARE = (Parsed("fraction", partial(_fraction, bound)) for bound in (10, 1))
SIZE = Parsed("size", parse_size)  # spelled 8GiB or 512MB
NAMES = Parsed("names", names)
EXISTING_FILE = _Path(exists=True, dir_okay=False, path_type=Path)
FILE = _Path(dir_okay=False, path_type=Path)
FOLDER = _Path(file_okay=False, path_type=Path)
EXISTING_FOLDER = _Path(exists=True, file_okay=False, path_type=Path)
