"""One measurement at a time on a machine: two at once would disturb each other unnoticed.

The lock is the kernel's on an open file, so that it ends with its process, however that ends; the
file stays and means nothing. Locks of this kind are not inherited by forked processes.
"""

import logging
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

LONGEST_WAIT_S = 600.0
_LOOK_S = 0.2
_MOST_OF_COMMAND = 200

_held: list[TextIO] = []
_terminal = logging.getLogger("dynadvise.terminal")


@contextmanager
def sole_use(longest_wait_s: float = LONGEST_WAIT_S) -> Iterator[None]:
    """Measure while nobody else does; as a decorator too.

    Waits for other commands of this user on this machine and tells on the terminal for which. After
    ``longest_wait_s`` seconds it goes on beside them, with a warning. Where no lock can be had
    (a cache folder that cannot be written, a system without such locks), it goes on at once.
    """
    if _held:  # by a caller in this process
        yield
        return
    with suppress(OSError, ImportError):
        _held.append(_opened())
    try:
        if _held:
            with suppress(OSError):
                _wait(_held[0], longest_wait_s)
        yield
    finally:
        while _held:
            _held.pop().close()


def lock_path() -> Path:
    """The lock's file: beside the calibrations, one a machine where they share that folder."""
    from advisor.host_store import cache_folder

    return cache_folder().parent / f"measuring-{platform.node()}.lock"


def _opened() -> TextIO:
    import fcntl  # noqa: F401 - not on Windows: then there is nothing to open

    path = lock_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not emptied on opening: it says who holds the lock.
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    return os.fdopen(number, "r+", encoding="utf-8", errors="replace")  # a folder may be no UTF-8


def _wait(file: TextIO, longest_s: float) -> None:
    until = time.monotonic() + longest_s
    announced = False
    while not _taken(file):
        if time.monotonic() >= until:
            _terminal.warning(
                "%s still measures after %g s. Going on beside it; the figures of both will be "
                "less certain.",
                _holder(file),
                longest_s,
            )
            return
        if not announced:
            _terminal.info(
                "Waiting: %s measures on this machine (%g s at most).", _holder(file), longest_s
            )
            announced = True
        time.sleep(_LOOK_S)
    file.seek(0)
    file.truncate()
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    file.write(f"process {os.getpid()} ({command[:_MOST_OF_COMMAND]})")
    file.flush()


def _taken(file: TextIO) -> bool:
    import fcntl

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _holder(file: TextIO) -> str:
    file.seek(0)
    with suppress(ValueError):
        return " ".join(file.read().split()) or "another command"
    return "another command"
