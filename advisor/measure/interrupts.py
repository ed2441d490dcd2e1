"""Signals where they must not fall into the middle of something: a search, a file, a folder."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""By which a user, a CI system and a closed terminal end a command."""


@contextmanager
def deferred(
    numbers: Sequence[signal.Signals] = (signal.SIGINT,), *, dropped: bool = False
) -> Iterator[list[int]]:
    """Let these signals take effect at the end of the block; not at all where ``dropped``.

    Gives the list of those that came. In another thread than the main one, which gets none, it
    does nothing.
    """
    came: list[int] = []
    before = {}
    try:
        for number in numbers:
            before[number] = signal.signal(number, lambda number, _frame: came.append(number))
    except ValueError:
        yield came
        return
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for each in () if dropped else came:
        signal.raise_signal(each)
