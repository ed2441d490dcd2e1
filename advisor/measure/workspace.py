"""One temporary folder for all that a measurement writes, removed however the measurement ends.

A tiny process of ours waits until this process and the guardians of its children are gone, and
then removes the folder: after SIGKILL too, when nobody else could.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor.measure.interrupts import ENDING, deferred

_REMOVER = """\
import shutil, signal, sys, time
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
sys.stdin.read()
for _ in range(20):
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)
    time.sleep(0.05)
"""
"""Reads until all who hold the other end have ended. Again and again, since a process that was
just killed may still have been writing."""
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory


@dataclass
class _Workspace:
    """The folder in use, and how many blocks use it."""

    folder: str = ""
    lifeline: int = -1
    remover: subprocess.Popen[bytes] | None = None
    users: int = 0


_current = _Workspace()
_lock = threading.Lock()


@contextlib.contextmanager
def workspace() -> Iterator[int]:
    """All temporary files of this process and its children lie in one folder, gone afterwards.

    A block inside another one shares its folder. As a decorator too. ``TMPDIR`` and `tempfile`
    point there meanwhile. Gives the descriptor by which the remover sees that we live: a process
    that inherits it keeps the folder.
    """
    with _lock:
        if not _current.users:
            with deferred(ENDING):
                _open()
        _current.users += 1
    try:
        yield _current.lifeline
    finally:
        with _lock:
            _current.users -= 1
            if not _current.users:
                _close()


_before: list[str | None] = []


def _open() -> None:
    _current.folder = tempfile.mkdtemp(prefix="dynadvise-")
    theirs, _current.lifeline = os.pipe()
    try:
        with contextlib.suppress(OSError):
            _current.remover = subprocess.Popen(
                [sys.executable, "-ISc", _REMOVER, _current.folder, str(_in_memory())],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C and a closed terminal are not for it
                cwd="/",
            )
    finally:
        os.close(theirs)
    _before[:] = [os.environ.get("TMPDIR"), tempfile.tempdir]
    os.environ["TMPDIR"] = tempfile.tempdir = _current.folder


def _close() -> None:
    variable, tempfile.tempdir = _before
    if variable is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = variable
    for folder in (_current.folder, _in_memory()):
        shutil.rmtree(folder, ignore_errors=True)
    os.close(_current.lifeline)
    if _current.remover is not None:
        _current.remover.kill()
        _current.remover.wait()


def _in_memory() -> Path:
    return MEMORY_FOLDER / Path(_current.folder).name


@contextlib.contextmanager
def folder_in_memory() -> Iterator[Path]:
    """An empty folder on a file system in memory (Linux), removed as the workspace is."""
    with workspace():
        _in_memory().mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_in_memory()) as folder:
            yield Path(folder)
