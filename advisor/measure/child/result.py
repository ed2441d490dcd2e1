"""What came of a child process: its value, or why it gave none."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from advisor.dagster_bridge.user_frames import Frame, culprit
from advisor.domain.errors import DynadviseError, UserCodeError

FailureKind = Literal["raised", "exited", "killed", "hung", "memory", "unpicklable", "error"]

terminal = logging.getLogger("dynadvise.terminal")
"""What the user shall see and no file shall hold."""

_MORE_MEMORY = "Give it more memory, or smaller items with --inputs."
_HINTS: dict[FailureKind, str] = {
    "hung": "Raise --item-timeout if it needs that long.",
    "memory": _MORE_MEMORY,
}


@dataclass(frozen=True, slots=True)
class ChildFailure:
    """Why a child gave no value.

    Attributes:
        kind: ``raised``, ``exited`` (``sys.exit``, ``os._exit``), ``killed`` (by a signal),
            ``hung`` (past its time), ``memory`` (past its limit), ``unpicklable`` (its result),
            ``error`` (a `DynadviseError` that was raised in the child, in ``error``).
        reason: One clause in words: ``raised ValueError``. It may be saved.
        message: The exception's own text, for the terminal alone.
        where: ``file:line`` of the user's code at fault, where known.
        details: Last frames of the user's traceback, or the last lines of the child's stderr.
        during: What ran then, as the child had told with `supervisor.watch`.
        key: Mapping key of the item that it ran on, for the terminal alone.
        op: Handle of the op that ran then.
        out_of_memory: Whether the system has probably killed it for its memory.
    """

    kind: FailureKind
    reason: str
    where: str | None = None
    details: str | None = None
    during: str | None = None
    error: DynadviseError | None = None
    message: str | None = None
    key: str | None = None
    op: str | None = None
    out_of_memory: bool = False

    def as_error(self, what: str = "") -> DynadviseError:
        """The failure as the error to raise; ``what`` is the subject where the child gave none."""
        if self.error is not None:
            return self.error
        subject = self.during or what or "the measured code"
        key = f"mapping key {self.key!r}" if self.during and self.key else None
        return UserCodeError(
            f"{subject} {self.reason}",
            message=self.message,
            where=self.where,
            details="\n".join(filter(None, (key, self.details))) or None,
            hint=_MORE_MEMORY if self.out_of_memory else _HINTS.get(self.kind),
        )

    def as_note(self, what: str = "") -> str:
        """The failure in words that may be saved; all of it is shown on the terminal."""
        if self.message or self.key:
            terminal.warning("%s", self.as_error(what))
        place = f" at {self.where}" if self.where else ""
        return f"{self.during or what} {self.reason}{place}".strip()


@dataclass(frozen=True, slots=True)
class ChildResult:
    """What came of a child: ``value`` where ``failure`` is None.

    ``cpu_s`` is of the child and all its descendants. ``peak_rss_bytes`` is the largest resident
    memory seen of the whole tree at once, and at least that of the child alone.
    """

    value: object
    failure: ChildFailure | None
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    stdout_tail: str = ""
    stderr_tail: str = ""

    def unwrap(self, what: str = "") -> object:
        """The value, or the failure raised as the user's error."""
        if self.failure is not None:
            raise self.failure.as_error(what)
        return self.value


@dataclass(frozen=True, slots=True)
class Activity:
    """What runs in a child, as it told with `supervisor.watch`."""

    during: str | None = None
    key: str | None = None
    op: str | None = None

    def stopped(
        self,
        kind: FailureKind,
        reason: str,
        frames: Sequence[Frame],
        *,
        details: str | None = None,
        out_of_memory: bool = False,
    ) -> ChildFailure:
        """The failure that ended it at these frames; ``details`` where there are none."""
        guilty = culprit(frames)
        return ChildFailure(
            kind,
            reason,
            where=guilty.where if guilty else None,
            details="\n".join(frame.text for frame in frames[-5:]) or details or None,
            during=self.during,
            key=self.key,
            op=self.op,
            out_of_memory=out_of_memory,
        )
