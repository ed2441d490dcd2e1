"""Files that are written whole or not at all."""

import os
import secrets
import stat
from pathlib import Path

from advisor.domain.errors import DynadviseError


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` whole or not at all.

    A temporary file in the same folder, flushed to disk, takes the file's place by a rename, so
    that a reader sees the old or the new text and of two writers the later one wins. A link is
    followed; the mode of an existing file is kept; a device or pipe is written to directly. What
    is no Unicode (bytes of a file's name) becomes "?".

    Raises:
        OSError: The file cannot be written.
    """
    data = text.encode("utf-8", "replace")
    path = path.resolve()
    try:
        mode: int | None = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory", str(path))
    if mode is not None and not stat.S_ISREG(mode):
        path.write_bytes(data)
        return
    if mode is not None and not os.access(path, os.W_OK):
        # A rename would pass over a file that its owner has protected.
        raise PermissionError(13, "Permission denied", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    # 0o666: the process's umask decides, as for any new file.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_output(path: Path, text: str) -> None:
    """Write what a command was asked to write to a file (``-o FILE``), whole or not at all.

    Raises:
        DynadviseError: The file cannot be written.
    """
    try:
        write_whole(path, text)
    except (OSError, RuntimeError) as error:
        raise DynadviseError(
            f"{str(path)!r} cannot be written: {reason(error)}.",
            hint="Name another file with -o.",
        ) from None


def reason(error: Exception) -> str:
    """Why a file cannot be read or written, in the system's words."""
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")
