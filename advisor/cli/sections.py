"""``--help`` of a command: its options under titles, in the order in which a user decides."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

MEASURED = "What to measure"
RUNS = "Which runs"
CONFIGURATION = "Which configuration"
EFFORT = "How long to measure"
MANNER = "How to measure"
GATE = "What fails"
ADVISED = "What to advise for"
OUTPUT = "Output"
PLACES = "Where things are"
GENERAL = "Messages and help"
"""Of the options that every command has."""

ORDER = (MEASURED, RUNS, CONFIGURATION, EFFORT, MANNER, GATE, ADVISED, OUTPUT, PLACES, GENERAL)

_TITLES: dict[click.Parameter, str] = {}


def section(title: str, *options: Callable[[F], F]) -> Callable[[F], F]:
    """``options`` as one decorator, shown below ``title`` (one of :data:`ORDER`) in ``--help``."""

    def decorate(command: F) -> F:
        before = len(getattr(command, "__click_params__", ()))
        for option in reversed(options):
            command = option(command)
        added: list[click.Parameter] = command.__click_params__[before:]  # type: ignore[attr-defined]
        for parameter in added:
            _TITLES.setdefault(parameter, title)
        return command

    return decorate


class SectionedCommand(click.Command):
    """A command whose ``--help`` shows its options below their titles."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One definition list per title; what has none is of every command."""
        records: dict[str, list[tuple[str, str]]] = {title: [] for title in ORDER}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                records[_TITLES.get(parameter, GENERAL)].append(record)
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
