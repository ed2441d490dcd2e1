"""Before a command runs ops of the user's repeatedly: say which, and ask on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from advisor.cli.progress import paused

if TYPE_CHECKING:
    from advisor.cli.context import CommandContext


def is_agreed(state: CommandContext, lines: Iterable[str], agreed: bool | None) -> bool:
    """Say the lines; then the answer given beforehand, or the one on the terminal.

    Without a terminal, saying is enough.
    """
    for line in lines:
        state.say(line)
    if agreed is not None:
        return agreed
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    with paused():
        return click.confirm("Run it?", default=True, err=True)


def announcing(state: CommandContext, agreed: bool | None) -> Callable[[str], None]:
    """Says what will be measured, and ends the command with status 0 where that is not agreed."""

    def announce(planned: str) -> None:
        if not is_agreed(state, [planned], agreed):
            raise click.exceptions.Exit(0)

    return announce
