"""``--help`` of a command: its options under titles, in the order in which a user decides."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OWN = "Messages and help"
"""Of the options that every command has."""


class _Option(click.Option):
    """An option with the title that it stands below."""

    def __init__(self, *arguments: Any, title: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.title = title


_titles: list[str] = []


def _options(title: str) -> Callable[..., Callable[[F], F]]:
    """What declares options as `click.option` does, below ``title``."""
    _titles.append(title)
    return partial(click.option, cls=_Option, title=title)


measured = _options("What to measure")
runs = _options("Which runs")
configuration = _options("Which configuration")
effort = _options("How long to measure")
manner = _options("How to measure")
gate = _options("What fails")
advised = _options("What to advise for")
output = _options("Output")
places = _options("Where things are")


class SectionedCommand(click.Command):
    """A command whose ``--help`` shows its options below their titles."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One definition list per title; what has none is of every command."""
        records: dict[str, list[tuple[str, str]]] = {title: [] for title in (*_titles, _OWN)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                title = parameter.title if isinstance(parameter, _Option) else _OWN
                records[title].append(record)
        for title, lines in records.items():
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines, col_max=26)


def command(name: str, example: str) -> Callable[[Callable[..., Any]], SectionedCommand]:
    """Make a function the command ``name``; its help ends with the ``example`` of arguments."""

    def decorate(function: Callable[..., Any]) -> SectionedCommand:
        line = f"Example: dynadvise {name} {example}".rstrip()
        # After \b click wraps no line: an example can be pasted.
        text = f"{inspect.getdoc(function)}\n\n\b\n{line}"
        return click.command(name, cls=SectionedCommand, help=text)(function)

    return decorate
