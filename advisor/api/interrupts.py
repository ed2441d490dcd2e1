"""Ctrl-C where it must not fall into the middle of something: an import, a search, a file."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt(*, dropped: bool = False) -> Iterator[None]:
    """Let Ctrl-C take effect at the end of the block; not at all where it is ``dropped``.

    Raises:
        KeyboardInterrupt: There was a Ctrl-C meanwhile.
    """
    came: list[int] = []
    try:
        before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    except ValueError:  # not the main thread, which gets no Ctrl-C
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and not dropped:
        raise KeyboardInterrupt
