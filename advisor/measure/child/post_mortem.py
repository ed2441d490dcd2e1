"""Why a child gave no value: read from what it wrote, from its stacks and from how it ended."""

import contextlib
import os
import pickle
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from advisor.dagster_bridge.user_frames import Frame, is_machinery
from advisor.domain.errors import DynadviseError
from advisor.domain.quantities import size
from advisor.measure import supervisor
from advisor.measure.child.result import Activity, ChildFailure
from advisor.measure.descriptors import stands_for

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
