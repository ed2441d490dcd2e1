"""Files of ours that stay open in a process that runs user code.

An op may close every descriptor, and open files of its own which then get our numbers. So ours
have high numbers, which the files of an op hardly reach, and are looked at before each use.
"""

import fcntl
import os
import resource
from pathlib import Path

_HIGHEST = 1 << 16  # a larger limit is as good as none


class OwnFile:
    """One file that is written to; it is opened again where the user's code has closed it."""

    def __init__(self, path: Path, flags: int) -> None:
        self._path, self._flags = path, flags
        self._number = -1
        self._identity: tuple[int, int] | None = None

    def descriptor(self) -> int:
        """A number that stands for this file just now; it is not inherited by other programs.

        Raises:
            OSError: It cannot be opened.
        """
        try:
            status = os.fstat(self._number)
            ours = (status.st_dev, status.st_ino) == self._identity
        except OSError:
            ours = False
        return self._number if ours else self._open()

    def _open(self) -> int:
        low = os.open(self._path, self._flags, 0o600)
        try:
            self._number = _moved_up(low)
        finally:
            os.close(low)
        status = os.fstat(self._number)
        self._identity = (status.st_dev, status.st_ino)
        return self._number


def _moved_up(number: int) -> int:
    """A copy of the descriptor, under a number near the process's limit."""
    lowest = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _HIGHEST)
    while True:
        lowest = lowest * 7 // 8  # a limit of 128 is reached by few ops, one of 65,536 by none
        try:
            return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:
            if lowest < 8:
                raise


def stands_for(pid: int, number: int, path: Path) -> bool:
    """Whether another process's descriptor is that file; True where the system cannot tell."""
    folder = Path(f"/proc/{pid}/fd")
    if not folder.is_dir():
        return True
    try:
        return (folder / str(number)).readlink() == path.resolve()
    except OSError:
        return False
