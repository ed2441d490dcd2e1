"""What all commands share: colour, verbosity, settings; data to stdout, the rest to stderr."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import click

from advisor.domain.errors import DynadviseError
from advisor.render.escaping import printable, to_ascii

if TYPE_CHECKING:
    from advisor.cli.progress import Display
    from advisor.settings import Settings

Color = Literal["auto", "always", "never"]

#: Lines are read best below this; tables do not get wider on a wider terminal.
_MAX_WIDTH = 120
_WIDTH_WITHOUT_TERMINAL = 100


@dataclass
class CommandContext:
    """The global options of one call, and the ways out of it.

    Attributes:
        begun_s: When the command began, by `time.monotonic`.
    """

    color: Color = "auto"
    verbosity: int = 0
    begun_s: float = field(default_factory=time.monotonic)

    @functools.cached_property
    def settings(self) -> Settings:
        """``[tool.dynadvise]`` of the project around the current folder, read once.

        Raises:
            ConfigurationError: The table is wrong.
        """
        from advisor.settings import load

        return load()

    def colored(self, stream: TextIO) -> bool:
        """Whether what goes to ``stream`` may be coloured (https://no-color.org)."""
        if self.color == "auto":
            return not os.environ.get("NO_COLOR") and stream.isatty()
        return self.color == "always"

    @property
    def width(self) -> int:
        """Columns for tables."""
        fallback = (_WIDTH_WITHOUT_TERMINAL, 24)
        return min(_MAX_WIDTH, max(60, shutil.get_terminal_size(fallback).columns))

    # --- stdout ------------------------------------------------------------------------------

    def write(self, text: str, output: Path | None = None) -> None:
        """Put a command's data to ``output``, whole or not at all, or to stdout.

        Raises:
            DynadviseError: The file cannot be written.
        """
        if output is not None and str(output) != "-":
            from advisor.whole_files import write_output

            write_output(output, text)
            self.say(f"Written: {output}")
            return
        stream = sys.stdout
        encoding = stream.encoding or "utf-8"
        if not encoding.lower().startswith("utf"):
            text = to_ascii(text)
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        stream.write(text)
        stream.flush()

    def open_page(self, text: str, output: Path | None) -> None:
        """Write a page to ``output``, or to a temporary file, and open it in a browser.

        Raises:
            DynadviseError: The file cannot be written.
        """
        if output is None or str(output) == "-":
            output = Path(tempfile.mkdtemp(prefix="dynadvise-")) / "page.html"
        self.write(text, output)
        if click.launch(str(output)) != 0:
            self.say(f"No browser could be started: open {output} in one.")

    # --- stderr ------------------------------------------------------------------------------

    def say(self, message: str) -> None:
        """A message for people; not with ``-q``."""
        if self.verbosity >= 0:
            _to_stderr(message, self.colored(sys.stderr))

    def warn(self, message: str) -> None:
        """A warning; not with ``-q``."""
        if self.verbosity >= 0:
            color = self.colored(sys.stderr)
            _to_stderr(click.style("Warning:", fg="yellow", bold=True) + f" {message}", color)

    def error(self, error: DynadviseError) -> None:
        """What the user can act on; with ``-v`` the traceback too."""
        self._fault(error, printable(str(error)))

    def apologize(self, error: Exception) -> None:
        """A fault of ours: short, with how to report it; the traceback with ``-v`` alone."""
        first = printable(str(error)).partition("\n")[0]
        seen = (
            "the traceback above" if self.verbosity > 0 else "what the same command prints with -v"
        )
        self._fault(
            error,
            f"a fault in dynadvise: {type(error).__name__}: {first}\n"
            f"Sorry. Please report it with {seen}.",
        )

    def _fault(self, error: Exception, text: str) -> None:
        color = self.colored(sys.stderr)
        if self.verbosity > 0:
            import traceback

            _to_stderr("".join(traceback.format_exception(error)), color)
        _to_stderr(click.style("Error:", fg="red", bold=True) + f" {text}", color)

    @contextmanager
    def progress(self, *, phases: bool = False) -> Iterator[Display]:
        """Progress while the block runs.

        On a terminal it is one changing line. Elsewhere nothing is shown, except with ``-v`` or for
        a command that shows its ``phases``, where each new message is a line.
        """
        from advisor.cli.progress import Display, Lines, drawn

        if self.verbosity >= 0 and sys.stderr.isatty():
            with drawn(color=self.colored(sys.stderr)) as display:
                yield display
        elif self.verbosity >= (0 if phases else 1):
            yield Lines(self.say, everything=self.verbosity > 0)
        else:
            yield Display()

    # --- questions -----------------------------------------------------------------------------

    def is_agreed(self, lines: Iterable[str], answer: bool | None) -> bool:
        """Say what runs ops of the user's repeatedly; then ``answer``, or the terminal's.

        Without a terminal, saying is enough.
        """
        from advisor.cli.progress import paused

        for line in lines:
            self.say(line)
        if answer is not None:
            return answer
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return True
        with paused():
            return click.confirm("Run it?", default=True, err=True)

    def announcing(self, answer: bool | None) -> Callable[[str], None]:
        """What says what will be measured, and ends the command with 0 where that is not agreed."""

        def announce(planned: str) -> None:
            if not self.is_agreed([planned], answer):
                raise click.exceptions.Exit(0)

        return announce


class _Texts(logging.Handler):
    """What measurements tell the user alone, texts of exceptions too: in no file."""

    def __init__(self, state: CommandContext) -> None:
        super().__init__()
        self._state = state

    def emit(self, record: logging.LogRecord) -> None:
        show = self._state.warn if record.levelno >= logging.WARNING else self._state.say
        show(printable(record.getMessage()))


def show_texts(state: CommandContext) -> None:
    """From now on, show what measurements tell the user alone."""
    logger = logging.getLogger("dynadvise.terminal")
    logger.setLevel(logging.INFO)
    logger.handlers, logger.propagate = [_Texts(state)], False


def _to_stderr(message: str, color: bool) -> None:
    encoding = sys.stderr.encoding or "utf-8"
    message = message.encode(encoding, "backslashreplace").decode(encoding)
    # Not by click.echo: it writes past the stream that keeps lines apart from the progress line.
    sys.stderr.write(f"{message if color else click.unstyle(message)}\n")
    sys.stderr.flush()


# --- global options ----------------------------------------------------------------------------


def _set_color(ctx: click.Context, _parameter: click.Parameter, value: Color | None) -> None:
    if value:
        state = ctx.ensure_object(CommandContext)
        state.color = value
        if value != "auto":
            ctx.color = value == "always"


def _louder(ctx: click.Context, _parameter: click.Parameter, value: int) -> None:
    if value:
        ctx.ensure_object(CommandContext).verbosity += value


def _quiet(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(CommandContext).verbosity = -1


def global_options() -> list[click.Option]:
    """``--color``, ``-q`` and ``-v``: valid before and after the command's name."""
    option = functools.partial(click.Option, expose_value=False, is_eager=True)
    return [
        option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            callback=_set_color,
            help="Colour of the output; auto: on a terminal, unless NO_COLOR is set.",
        ),
        option(
            ["-q", "--quiet"],
            is_flag=True,
            callback=_quiet,
            help="Data only: no progress, no messages but errors.",
        ),
        option(
            ["-v", "--verbose"],
            count=True,
            callback=_louder,
            help="More messages; tracebacks of errors.",
        ),
    ]


pass_state = click.make_pass_decorator(CommandContext, ensure=True)
"""Hands a command its :class:`CommandContext` as first argument."""
