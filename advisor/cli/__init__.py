"""The command line: ``dynadvise``."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from advisor.cli.group import cli

__all__ = ["cli", "main"]


def __getattr__(name: str) -> Any:
    """The group of commands; imported where it is asked for, so that `main` comes first."""
    if name != "cli":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from advisor.cli.group import cli

    return cli


def _terminate(signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)


def main() -> None:
    """Entry point of the ``dynadvise`` command."""
    # So that a CI system's cancellation, or a closed terminal, runs the `finally` blocks that end
    # our children.
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it is
        signal.signal(signal.SIGHUP, _terminate)
    try:
        from advisor.cli.group import cli
        from advisor.cli.streams import open_streams

        open_streams()
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
    cli.main()
