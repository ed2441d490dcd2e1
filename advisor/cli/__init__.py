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


def _end(signum: int, frame: "FrameType | None") -> None:
    """Raise what ends the command: where Python would drop it (in a callback), a moment later."""
    if frame is not None and frame.f_code.co_name == "cb":  # as importlib names it, for its locks
        signal.signal(signal.SIGALRM, lambda _, later: _end(signum, later))
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        return
    raise KeyboardInterrupt if signum == signal.SIGINT else SystemExit(128 + signum)


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
            signal.signal(number, _end)
        cli.main()
    except KeyboardInterrupt:  # while the answer to another one was under way
        os._exit(128 + signal.SIGINT)
    finally:
        for number in heeded:  # all is done, and how it ends is known
            signal.signal(number, signal.SIG_IGN)
