"""Values of options, each checked before anything is run."""

import os
from pathlib import Path
from typing import Any

import click

from advisor.domain.command_line import path_of
from advisor.domain.options import BOUNDS, LEAST_NUMBER, MOST_ITEMS, MOST_NUMBER
from advisor.domain.quantities import parse_size

COUNT = click.IntRange(min=1, max=10**9)
ITEMS = click.IntRange(min=1, max=MOST_ITEMS)


class _Number(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3
    """A number above 0 within bounds: 0.0000001 and 10^12 are slips of the keyboard."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number.

        Raises:
            BadParameter: It is none, or outside the bounds.
        """
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not LEAST_NUMBER <= number <= MOST_NUMBER:
            self.fail(f"{value} is no number {BOUNDS}.", param, ctx)
        return number


class _Size(click.ParamType):  # type: ignore[type-arg]
    """Bytes, spelled ``8GiB`` or ``512MB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes.

        Raises:
            BadParameter: It is no size.
        """
        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class _Fraction(click.ParamType):  # type: ignore[type-arg]
    """A fraction below ``bound``: ``0.1`` or ``10%``."""

    name = "fraction"

    def __init__(self, bound: int) -> None:
        self.bound = bound

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The fraction.

        Raises:
            BadParameter: It is none, or not from 0 to below ``bound``.
        """
        text = str(value).strip()
        try:
            number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            self.fail(f"{value!r} is no fraction such as 0.1 or 10%.", param, ctx)
        if not 0 <= number < self.bound:
            self.fail(f"{value!r} is not between 0 and {self.bound}.", param, ctx)
        return number


class _Path(click.Path):
    """A path, of which ``~`` is the user's home also where no shell has replaced it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, checked as it is asked for."""
        return super().convert(path_of(os.fspath(value)), param, ctx)


NUMBER = _Number()
FRACTION, SHARE = _Fraction(10), _Fraction(1)
SIZE = _Size()
EXISTING_FILE = _Path(exists=True, dir_okay=False, path_type=Path)
FILE = _Path(dir_okay=False, path_type=Path)
FOLDER = _Path(file_okay=False, path_type=Path)
EXISTING_FOLDER = _Path(exists=True, file_okay=False, path_type=Path)
