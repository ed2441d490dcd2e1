"""What came of a child process: its value, or why it gave none.

The reason is read from what the child wrote, from its stacks and from how it ended.
"""

import contextlib
import logging
import os
import pickle
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from advisor.dagster_bridge.user_frames import Frame, culprit, is_machinery
from advisor.domain.errors import DynadviseError, UserCodeError
from advisor.domain.quantities import size
from advisor.measure import supervisor
from advisor.measure.descriptors import stands_for

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


_STACKS_S = 0.5  # for a hanging process to write where its threads are
_DUMPED_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)$')


def outcome_in(directory: Path) -> dict[str, object]:
    """What the child wrote at its end; empty where it did not come so far."""
    try:
        content = (directory / supervisor.RESULT).read_bytes()
    except OSError:
        return {}
    try:
        outcome = pickle.loads(content)  # noqa: S301 - written by our own child
    except Exception as error:  # noqa: BLE001 - whatever __setstate__ or an import raises
        return {"kind": "unpicklable", "reason": f"{type(error).__name__}: {error}"}
    assert isinstance(outcome, dict)
    return outcome


def failure_in(outcome: Mapping[str, object], activity: Activity) -> ChildFailure:
    """The failure that the child itself wrote down."""
    kind = outcome["kind"]
    if kind == "error":
        error = outcome["error"]
        assert isinstance(error, DynadviseError)
        return ChildFailure("error", error.what, error=error, during=activity.during)
    if kind == "unpicklable":
        reason = f"returned what cannot be pickled ({outcome['reason']})"
        return ChildFailure("unpicklable", reason, during=activity.during)
    frames, where = outcome["frames"], outcome["where"]
    assert isinstance(frames, list)
    exited = kind == "exited"
    return ChildFailure(
        "exited" if exited else "raised",
        f"called sys.exit({outcome['code']})" if exited else f"raised {outcome['type']}",
        where=where if isinstance(where, str) else None,
        details="\n".join(frames) or None,
        during=activity.during,
        message=str(outcome.get("message") or "") or None,
        key=activity.key,
        op=activity.op,
    )


def death(
    directory: Path, activity: Activity, status: float | None, *, peak_bytes: int, stderr: str
) -> ChildFailure:
    """The failure of a process that wrote no result: it ended itself, or was ended.

    Args:
        directory: Of the child, with the stack that faulthandler wrote of a crash.
        status: As `os.waitpid` gives it; None where the guardian has ended too.
    """
    frames: list[Frame] = []
    with contextlib.suppress(OSError):
        frames = _frames_of_dump((directory / supervisor.CRASH).read_text(errors="replace"))
    last_lines = "\n".join(stderr.rstrip().splitlines()[-8:])
    if status is None:
        reason = "ended without a trace: its guardian was killed"
        return activity.stopped("killed", reason, frames, details=last_lines)
    if os.WIFEXITED(int(status)):
        reason = f"ended its process with exit status {os.WEXITSTATUS(int(status))}"
        return activity.stopped("exited", reason, frames, details=last_lines)
    number = os.WTERMSIG(int(status))
    reason = f"was killed by {_signal_name(number)}"
    out_of_memory = number == signal.SIGKILL
    if out_of_memory:
        reason += f", probably out of memory (peak seen: {size(peak_bytes)})"
    return activity.stopped(
        "killed", reason, frames, details=last_lines, out_of_memory=out_of_memory
    )


def stacks_of(directory: Path, pid: int | None, descriptor: int) -> list[Frame]:
    """Frames of a living worker's main thread, outermost first, as faulthandler writes them.

    ``descriptor`` is the worker's own number of the file for its stacks.
    """
    path = directory / supervisor.STACKS
    if pid is None or not stands_for(pid, descriptor, path):
        return []  # the signal's handler would write into a file of the user's
    try:
        os.kill(pid, signal.SIGUSR1)
    except OSError:
        return []
    deadline = time.monotonic() + _STACKS_S
    text = ""
    while time.monotonic() < deadline:
        time.sleep(0.02)
        with contextlib.suppress(OSError):
            text = path.read_text(errors="replace")
        if "supervisor.py" in text:  # the outermost frame: the dump is complete
            break
    return _frames_of_dump(text)


def _frames_of_dump(text: str) -> list[Frame]:
    """Read faulthandler's dump: the thread that holds our entry function, outermost frame first."""
    import linecache

    threads: list[list[Frame]] = [[]]
    for line in text.splitlines():
        match = _DUMPED_FRAME.match(line)
        if match:
            number = int(match["line"])
            source = linecache.getline(match["file"], number).strip()
            threads[-1].append(Frame(match["file"], number, match["function"], source))
        elif line.startswith(("Thread ", "Current thread ")):
            threads.append([])
    main = [stack for stack in threads if any("supervisor.py" in frame.file for frame in stack)]
    stack = main[0] if main else max(threads, key=len)
    ours = "<string>"  # the command line that starts the guardian
    return [f for f in reversed(stack) if f.file != ours and not is_machinery(f.file)]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
