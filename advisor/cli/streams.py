"""stdout and stderr as a command needs them, closed or full ones too.

Data that cannot be written is an error; a message that cannot be written changes no exit status.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from advisor.domain.errors import DynadviseError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Stream(io.FileIO):
    """A standard stream's file; ``lost`` once it takes no more."""

    def __init__(self, number: int, *, closed: bool) -> None:
        super().__init__(number, "w", closefd=False)
        self._closed_before = closed
        self.lost = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write to the file; what comes after the first failure is passed over.

        Raises:
            DynadviseError: The data on stdout cannot be written.
            SystemExit: Its reader left (128 + SIGPIPE, as other programs end).
        """
        try:
            if not self.lost:
                if self._closed_before:
                    raise OSError(errno.EBADF, "it is closed")  # noqa: TRY301
                return super().write(data)
        except OSError as error:
            self.lost = True
            if self.fileno() == 1 and isinstance(error, BrokenPipeError):
                raise SystemExit(141) from None
            if self.fileno() == 1:
                raise DynadviseError(
                    f"stdout cannot be written: {error.strerror}.",
                    hint="-o FILE writes to a file." if self._closed_before else None,
                ) from None
        return memoryview(data).nbytes


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _text(number: int, present: TextIO | None, *, closed: bool) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Stream(number, closed=closed)),
        encoding=present.encoding if present else "utf-8",
        errors=present.errors if present else "backslashreplace",
        line_buffering=number == 2 or bool(present and present.line_buffering),
    )


def open_streams() -> None:
    """Make the standard streams such; a closed one is a null device for the processes below."""
    closed = {number for number in range(3) if not _is_open(number)}
    for number in sorted(closed):
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, number)
        if null != number:
            os.close(null)
    if 0 in closed:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = _text(1, sys.stdout, closed=1 in closed)
    sys.stderr = _text(2, sys.stderr, closed=2 in closed)
