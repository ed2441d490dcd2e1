"""Read a SQLite database of the user's without changing a byte, or a file beside it."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from advisor.domain.errors import DynadviseError

Value = TypeVar("Value")

_ATTEMPTS = 6  # a file that is written to while it is read is read again so often


def read_sqlite(path: Path, function: Callable[[sqlite3.Connection], Value]) -> Value:
    """Call ``function`` on the database as it is now.

    A database that nobody writes is opened in place as immutable: SQLite then takes no lock and
    makes no ``-shm`` or ``-wal`` file beside it (plain read-only mode leaves both behind). One with
    a write-ahead log of its own is copied to a temporary folder first. Either way the
    database must be the same before and after, or it is done again; the log of one that is copied
    may grow: SQLite passes over what was half written to it.

    Raises:
        DynadviseError: It may not be read, is damaged, no database, or written to all the time;
            or as ``function``.
    """
    if not os.access(path, os.R_OK):
        raise DynadviseError("The database may not be read by this user.", where=str(path))
    damage: Exception | None = None
    for _ in range(_ATTEMPTS):
        before = _state(path)
        try:
            if before[1] is not None:
                with tempfile.TemporaryDirectory(prefix="dynadvise-") as folder:
                    copy = _copy(path, Path(folder))
                    if copy is None or _state(path)[0] != before[0]:
                        continue
                    with closing(sqlite3.connect(copy)) as connection:
                        return function(connection)
            uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                value = function(connection)
        # Bytes that are no text fail as SQLite's in a value, and as Python's in a column's name.
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            damage = error
            if _state(path) == before:
                break
        else:
            if _state(path) == before:
                return value
    if damage is not None:
        raise DynadviseError(
            "The database cannot be read: it is damaged, or not a SQLite database.",
            where=str(path),
            details=str(damage),
            hint="Nothing was changed. Restore it from a backup, or analyze another run.",
        )
    raise DynadviseError(
        "The database is written to all the time: no consistent reading was possible.",
        where=str(path),
        hint="Try again, or wait until the run is over.",
    )


def _state(path: Path) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """Size and time of the database, and of its write-ahead log where it has one."""
    own = path.stat()
    log = Path(f"{path}-wal")
    try:
        wal = log.stat()
    except FileNotFoundError:
        return (own.st_size, own.st_mtime_ns), None
    return (own.st_size, own.st_mtime_ns), ((wal.st_size, wal.st_mtime_ns) if wal.st_size else None)


def _copy(path: Path, folder: Path) -> Path | None:
    """The database and its write-ahead log; None where the log was merged meanwhile."""
    target = folder / "copy.db"
    shutil.copyfile(path, target)
    try:
        shutil.copyfile(f"{path}-wal", f"{target}-wal")
    except FileNotFoundError:
        return None
    return target
