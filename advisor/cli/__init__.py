"""The command line: ``dynadvise``."""

# Until a command heeds signals, nothing is imported that Python has not imported by itself:
# `signal` alone brings `enum`, `functools` and ten more. Hence the quoted annotations.
import _signal as signal  # type: ignore[import-not-found]
import os

TYPE_CHECKING = False  # as in advisor
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn

    from advisor.cli.group import cli

__all__ = ["cli", "main"]


def __getattr__(name: str) -> "Any":
    """The group of commands; imported where it is asked for, so that `main` comes first."""
    if name != "cli":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from advisor.cli.group import cli

    return cli


def _terminate(signum: int, _frame: "FrameType | None") -> "NoReturn":
    raise SystemExit(128 + signum)


def _leave(signum: int, _frame: "FrameType | None") -> "NoReturn":
    os._exit(128 + signum)


def main() -> None:
    """Entry point of the ``dynadvise`` command."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # Ignored in a shell's background, and under nohup.
    heeded = [each for each in numbers if signal.getsignal(each) != signal.SIG_IGN]
    for number in heeded:  # while only packages are imported, nothing has to be tidied up
        signal.signal(number, _leave)
    from advisor.cli.group import cli
    from advisor.cli.streams import open_streams

    open_streams()
    try:
        for number in heeded:
            # So that a CI system's cancellation, or a closed terminal, runs the `finally` blocks
            # that end our children, as Ctrl-C does.
            interrupts = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupts else _terminate)
        cli.main()
    except KeyboardInterrupt:  # while the answer to another one was under way
        os._exit(128 + signal.SIGINT)
    finally:
        for number in heeded:  # all is done, and how it ends is known
            signal.signal(number, signal.SIG_IGN)
