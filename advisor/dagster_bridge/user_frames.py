"""Which frames of a stack are the user's: for messages that name their code and not ours."""

import importlib
import os
import sysconfig
import traceback
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from advisor.domain.workload import SourceLocation

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_EXAMPLES = str(Path(_PACKAGE) / "examples") + os.sep  # examples are users of ours
_OURS = _PACKAGE + os.sep
_MACHINERY = ("dagster", "dagster_shared", "dagster_pipes", "pyinstrument")
_IMPORTING = str(Path(str(importlib.__file__)).parent) + os.sep


class Frame(NamedTuple):
    """One frame of a stack."""

    file: str
    line: int
    function: str
    source: str = ""

    @property
    def where(self) -> str:
        """File and line, as users write it."""
        return f"{self.file}:{self.line}"

    @property
    def text(self) -> str:
        """The frame as Python's own traceback shows it."""
        head = f'File "{self.file}", line {self.line}, in {self.function}'
        return f"{head}\n  {self.source}" if self.source else head


@lru_cache(maxsize=1)
def _library_directories() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = {sysconfig.get_path(name) for name in names}
    return tuple(sorted({str(Path(path).resolve()) + os.sep for path in paths if path}))


@lru_cache(maxsize=4096)
def is_machinery(file: str) -> bool:
    """Whether the file is dynadvise's, Dagster's or the import system's own."""
    if file.startswith(("<frozen", _IMPORTING)):
        return True
    if file.startswith(_OURS):
        return not file.startswith(_EXAMPLES)
    parts = Path(file).parts
    if "site-packages" in parts:
        after = parts[len(parts) - 1 - parts[::-1].index("site-packages") + 1 :]
        return bool(after) and after[0] in _MACHINERY
    return False


@lru_cache(maxsize=4096)
def is_user_file(file: str, own: tuple[str, ...] = ()) -> bool:
    """Whether the file is the user's own code: no library, not ours, not Python's.

    Args:
        own: Directories that are the user's wherever they lie (an installed package of theirs).
    """
    if file.startswith("<") or is_machinery(file):
        return False
    if any(file.startswith(directory) for directory in own):
        return True
    if "site-packages" in Path(file).parts or "dist-packages" in Path(file).parts:
        return False
    return not file.startswith(_library_directories())


def root_cause(error: BaseException) -> BaseException:
    """The user's own exception, where Dagster has wrapped it in one of its."""
    visited: set[int] = set()
    while id(error) not in visited and type(error).__module__.split(".")[0] in _MACHINERY:
        visited.add(id(error))
        wrapped = getattr(error, "user_exception", None) or error.__cause__
        if not isinstance(wrapped, BaseException):
            break
        error = wrapped
    return error


def frames_of(error: BaseException) -> list[Frame]:
    """The traceback without the frames of dynadvise, of Dagster and of the import system."""
    frames = [
        Frame(entry.filename, entry.lineno or 0, entry.name, entry.line or "")
        for entry in traceback.extract_tb(error.__traceback__)
    ]
    return [f for f in frames if f.file != "<string>" and not is_machinery(f.file)]


def culprit(frames: Sequence[Frame]) -> Frame | None:
    """The innermost frame of the user's own code; None where there is none."""
    return next((frame for frame in reversed(frames) if is_user_file(frame.file)), None)


def user_location(error: BaseException) -> SourceLocation | None:
    """File and line in the user's code where ``error`` arose; None where no frame is theirs."""
    cause = root_cause(error)
    if isinstance(cause, SyntaxError) and cause.filename:
        return SourceLocation(cause.filename, cause.lineno or 1)
    frames = frames_of(cause)
    guilty = culprit(frames) or (frames[-1] if frames else None)
    return SourceLocation(guilty.file, guilty.line or 1) if guilty else None


def text_of(error: BaseException) -> str:
    """What the user's own exception says: for the terminal, never for what is saved."""
    try:
        return str(root_cause(error))[:4000]
    except Exception:  # noqa: BLE001 - a broken __str__ of the user's
        return "(its message cannot be shown)"


def in_words(error: BaseException) -> str:
    """Type and place of an exception, to be saved; its text may hold a secret."""
    location = user_location(error)
    return f"{type_in_words(error)} at {location}" if location else type_in_words(error)


def type_in_words(error: BaseException) -> str:
    """Type of an exception, and of a missing module its name."""
    cause = root_cause(error)
    missing = isinstance(cause, ModuleNotFoundError) and cause.name
    return f"{type(cause).__name__}{f' (no module {missing!r})' if missing else ''}"


def last_frames(error: BaseException, limit: int = 4) -> str:
    """The last ``limit`` user frames and the error itself, worded as Python words a traceback."""
    cause = root_cause(error)
    frames = [f"  {frame.text}".replace("\n", "\n  ") for frame in frames_of(cause)[-limit:]]
    return "\n".join([*frames, *traceback.format_exception_only(type(cause), cause)]).rstrip()
