"""The user's own frames of a traceback: what to show when their code fails, without ours."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path

import dagster

from advisor.domain.workload import SourceLocation

_OURS = str(Path(__file__).resolve().parent.parent)
_EXAMPLES = str(Path(_OURS) / "examples")  # user code as far as messages are concerned
_MACHINERY = tuple(str(Path(str(package.__file__)).parent) for package in (importlib, dagster))


def _is_users(filename: str) -> bool:
    """Whether a frame is neither ours nor part of how Python or Dagster loads and calls code."""
    if filename.startswith(("<frozen", "<string>", *_MACHINERY)):
        return False
    return filename.startswith(_EXAMPLES) or not filename.startswith(_OURS)


def users_error(error: BaseException) -> BaseException:
    """What the user's code raised, out of the errors that Dagster wraps around it."""
    while type(error).__module__.startswith("dagster") and error.__cause__ is not None:
        error = error.__cause__
    return error


def user_location(error: BaseException) -> SourceLocation | None:
    """File and line in the user's code where ``error`` arose; None where no frame is theirs."""
    cause = users_error(error)
    if isinstance(cause, SyntaxError) and cause.filename:
        return SourceLocation(cause.filename, cause.lineno or 1)
    frames = [
        frame for frame in traceback.extract_tb(cause.__traceback__) if _is_users(frame.filename)
    ]
    if not frames:
        return None
    return SourceLocation(frames[-1].filename, frames[-1].lineno or 1)


def last_frames(error: BaseException, limit: int = 4) -> str:
    """The last ``limit`` user frames and the error itself, worded as Python words a traceback."""
    cause = users_error(error)
    frames = [
        frame for frame in traceback.extract_tb(cause.__traceback__) if _is_users(frame.filename)
    ]
    return "".join(
        [
            *traceback.format_list(frames[-limit:]),
            *traceback.format_exception_only(type(cause), cause),
        ]
    ).rstrip()
