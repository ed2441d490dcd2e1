"""Running code in a fresh process of our own, so that whatever it does is a reported fact.

A crash, a hang, ``sys.exit``, a memory leak or a daemon of the user's ends as a `ChildFailure`;
nothing that was started outlives the call, neither after a timeout nor after Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from advisor.dagster_bridge.user_frames import Frame, culprit, is_machinery
from advisor.domain.errors import DynadviseError, UserCodeError
from advisor.domain.quantities import size
from advisor.domain.workload import TargetReference
from advisor.measure import supervisor
from advisor.measure.descriptors import stands_for
from advisor.measure.workspace import workspace

FailureKind = Literal["raised", "exited", "killed", "hung", "memory", "unpicklable", "error"]
_KEPT_OUTPUT_BYTES = 64 * 1024
_LOOK_S = 0.1  # between two looks at the memory of the child's tree
_STACKS_S = 0.5  # for a hanging process to write where its threads are
_END_S = 12.0  # for the guardian to end its tree; it needs milliseconds
_START = """\
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
sys.path.insert(0, sys.argv.pop())
import advisor
del sys.path[0]
from advisor.measure.supervisor import main
main()
"""
"""Our own package is loaded by its path, and not from the current folder that ``-c`` puts first:
nothing beside the user's code takes its place or that of a standard module."""

terminal = logging.getLogger("dynadvise.terminal")
"""What the user shall see and no file shall hold."""

_ROOT = Path(__file__).resolve().parents[2]


_HINTS: dict[FailureKind, str] = {
    "hung": "Raise --item-timeout if it needs that long.",
    "memory": "Give it more memory, or smaller items with --inputs.",
    "killed": "Give it more memory, or smaller items with --inputs.",
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

    @property
    def _crashed(self) -> bool:
        """Killed by a fault of its own (SIGSEGV, SIGABRT): more memory would not help."""
        return self.kind == "killed" and "out of memory" not in self.reason

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
            hint=None if self._crashed else _HINTS.get(self.kind),
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


def run_in_child(
    function: str,
    argument: object = None,
    *,
    timeout_s: float,
    memory_limit_bytes: int | None = None,
    target: TargetReference | None = None,
    python_path: Sequence[str | Path] = (),
    environment: Mapping[str, str] | None = None,
    working_directory: str | Path | None = None,
    on_progress: Callable[[Mapping[str, object]], None] | None = None,
    stop: threading.Event | None = None,
) -> ChildResult:
    """Call ``function(argument)`` in a fresh interpreter, and end all that it started.

    Args:
        function: ``module:name``, importable in the child.
        argument: Its one argument; must be picklable, as must what it returns.
        timeout_s: After this many seconds the child hangs and is killed.
        memory_limit_bytes: For the whole tree; above it, it is killed.
        target: Whose modules are importable in the child, and whose working directory is its own.
        python_path: Further folders of the user's code.
        environment: Added to the environment.
        working_directory: Current folder of the child; ours where None.
        on_progress: Called here with each message of `supervisor.send_progress` in the child.
        stop: Once it is set, the child is ended: for a caller that waits in another thread.

    Raises:
        TypeError, AttributeError, pickle.PicklingError: The argument cannot be pickled.
    """
    if target is not None:
        working_directory = target.working_directory
        python_path = (*target.import_folders, *python_path)
    with (
        workspace() as lifeline,
        tempfile.TemporaryDirectory(prefix="child-", ignore_cleanup_errors=True) as path,
    ):
        directory = Path(path)
        request = {
            "function": function,
            "argument": pickle.dumps(argument, protocol=pickle.HIGHEST_PROTOCOL),
            "python_path": [str(entry) for entry in python_path],
            "working_directory": None if working_directory is None else str(working_directory),
        }
        (directory / supervisor.REQUEST).write_bytes(pickle.dumps(request))
        watched = _Watched(directory, lifeline, timeout_s, memory_limit_bytes, on_progress, stop)
        return watched.run(environment or {})


@dataclass
class _Watched:
    """One running child, its pipes, and what is known of it so far."""

    directory: Path
    lifeline: int
    timeout_s: float
    memory_limit_bytes: int | None
    on_progress: Callable[[Mapping[str, object]], None] | None
    stop: threading.Event | None = None
    output: dict[str, bytearray] = field(default_factory=dict)
    worker_pid: int | None = None
    stacks_descriptor: int = -1  # the worker's own number
    during: str | None = None
    key: str | None = None
    op: str | None = None
    during_deadline: float = float("inf")
    during_timeout_s: float = float("inf")
    peak_rss_bytes: int = 0
    ended: ChildFailure | None = None  # our own reason to kill it

    def run(self, environment: Mapping[str, str]) -> ChildResult:
        started = time.monotonic()
        progress = self.directory / supervisor.PROGRESS
        os.mkfifo(progress)
        arguments = [str(self.directory), str(os.getpid()), str(self.lifeline), str(_ROOT)]
        process = subprocess.Popen(
            [sys.executable, "-c", _START, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(self.lifeline,),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": _python_path(environment), **environment},
        )
        try:
            # For both directions, so that it has no end while the child lives.
            number = os.open(progress, os.O_RDWR | os.O_NONBLOCK)
            with process, os.fdopen(number, "rb", buffering=0) as pipe:
                try:
                    self._follow(process, pipe.fileno(), started + self.timeout_s)
                except BaseException:
                    _end(process)
                    raise
        finally:
            _end(process)
        wall_s = time.monotonic() - started
        return self._result(wall_s)

    def _follow(self, process: subprocess.Popen[bytes], progress: int, deadline: float) -> None:
        """Read the pipes and keep the limits until the guardian has ended."""
        assert process.stdout is not None
        assert process.stderr is not None
        pipes = {process.stdout.fileno(): "stdout", process.stderr.fileno(): "stderr"}
        pipes[progress] = "progress"
        self.output = {name: bytearray() for name in pipes.values()}
        with selectors.DefaultSelector() as selector, _process_handle(process.pid) as handle:
            for descriptor in pipes:
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            if handle is not None:
                selector.register(handle, selectors.EVENT_READ)
            pause_s = _LOOK_S if handle is not None else 0.02
            next_look = 0.0
            while process.poll() is None and self.ended is None and not self._stopped_outside:
                for key, _ in selector.select(pause_s):
                    if key.fd in pipes and not self._read(key.fd, pipes[key.fd]):
                        selector.unregister(key.fd)
                now = time.monotonic()
                if now >= next_look:
                    self._look_at_memory(process)
                    next_look = time.monotonic() + _LOOK_S
                self._look_at_time(now, deadline)
        if self.ended or self._stopped_outside:
            _end(process)
        for descriptor, name in pipes.items():
            while self._read(descriptor, name):
                pass

    @property
    def _stopped_outside(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    def _read(self, descriptor: int, name: str) -> bool:
        """Take what is there; False at the end of the pipe, or where nothing is."""
        try:
            block = os.read(descriptor, 65536)
        except OSError:
            return False
        if not block:
            return False
        kept = self.output[name]
        kept += block
        if name == "progress":
            *lines, rest = bytes(kept).split(b"\n")
            kept[:] = rest
            for line in lines:
                self._told(line)
        elif len(kept) > 2 * _KEPT_OUTPUT_BYTES:
            del kept[:-_KEPT_OUTPUT_BYTES]
        return True

    def _told(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        if "pid" in message and self.worker_pid is None:
            self.worker_pid = int(message["pid"])
        elif "stacks" in message:
            self.stacks_descriptor = int(message["stacks"])
        elif "text" in message:
            terminal.warning("%s", message["text"])
        elif "watch" in message:
            self.during, self.key = message["watch"], message.get("key")
            self.op = message.get("op")
            timeout_s = message.get("timeout_s")
            self.during_timeout_s = float("inf") if timeout_s is None else float(timeout_s)
            self.during_deadline = time.monotonic() + self.during_timeout_s
        elif self.on_progress is not None:
            self.on_progress(message)

    def _look_at_memory(self, process: subprocess.Popen[bytes]) -> None:
        tree = supervisor.descendants(process.pid)
        used = sum(_resident_bytes(pid) for pid in tree)
        limit = self.memory_limit_bytes
        if limit is not None and used > limit and len(tree) > 1:
            # pages shared among forked processes count once
            used = sum(_proportional_bytes(pid) for pid in tree)
        self.peak_rss_bytes = max(self.peak_rss_bytes, used)
        if limit is not None and used > limit:
            reason = f"used {size(used)}, above the limit of {size(limit)}"
            self.ended = self._stopped("memory", reason)

    def _look_at_time(self, now: float, deadline: float) -> None:
        if now < min(deadline, self.during_deadline):
            return
        limit_s = self.during_timeout_s if now >= self.during_deadline else self.timeout_s
        self.ended = self._stopped("hung", f"did not end within {limit_s:g} s")

    def _stopped(self, kind: FailureKind, reason: str) -> ChildFailure:
        """A failure that ends the child, with where its threads are just now."""
        frames = self._stacks()

        guilty = culprit(frames)
        details = "\n".join(frame.text for frame in frames[-5:])
        return ChildFailure(
            kind,
            reason,
            where=guilty.where if guilty else None,
            details=details or None,
            during=self.during,
            key=self.key,
            op=self.op,
        )

    def _stacks(self) -> list[Frame]:
        """Frames of the worker's main thread, outermost first, as faulthandler writes them."""
        path = self.directory / supervisor.STACKS
        if self.worker_pid is None:
            return []
        if not stands_for(self.worker_pid, self.stacks_descriptor, path):
            return []  # the signal's handler would write into a file of the user's
        try:
            os.kill(self.worker_pid, signal.SIGUSR1)
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

    def _result(self, wall_s: float) -> ChildResult:
        status: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError):
            status = json.loads((self.directory / supervisor.STATUS).read_text())
        outcome: dict[str, object] = {}
        with contextlib.suppress(OSError):
            content = (self.directory / supervisor.RESULT).read_bytes()
            outcome = _unpickled(content)
        peak = max(self.peak_rss_bytes, int(status.get("max_rss_bytes", 0)))
        failure = self.ended or self._failure(outcome, status.get("status"), peak)
        return ChildResult(
            value=outcome.get("value") if failure is None else None,
            failure=failure,
            wall_s=wall_s,
            cpu_s=float(status.get("cpu_s", 0.0)),
            peak_rss_bytes=peak,
            stdout_tail=_text(self.output.get("stdout", b"")),
            stderr_tail=_text(self.output.get("stderr", b"")),
        )

    def _failure(
        self, outcome: Mapping[str, object], status: float | None, peak: int
    ) -> ChildFailure | None:
        kind = outcome.get("kind")
        if kind == "value":
            return None
        if kind == "error":
            error = outcome["error"]
            assert isinstance(error, DynadviseError)
            return ChildFailure("error", error.what, error=error, during=self.during)
        if kind == "unpicklable":
            return ChildFailure(
                "unpicklable",
                f"returned what cannot be pickled ({outcome['reason']})",
                during=self.during,
            )
        if kind in ("raised", "exited"):
            return self._left(outcome)
        return self._died(status, peak)

    def _left(self, outcome: Mapping[str, object]) -> ChildFailure:
        frames = outcome["frames"]
        assert isinstance(frames, list)
        where = outcome["where"]
        if outcome["kind"] == "exited":
            reason = f"called sys.exit({outcome['code']})"
        else:
            reason = f"raised {outcome['type']}"
        return ChildFailure(
            "exited" if outcome["kind"] == "exited" else "raised",
            reason,
            where=where if isinstance(where, str) else None,
            details="\n".join(frames) or None,
            during=self.during,
            message=str(outcome.get("message") or "") or None,
            key=self.key,
            op=self.op,
        )

    def _died(self, status: float | None, peak: int) -> ChildFailure:
        """No result: the process ended itself, or was ended."""
        details = _last_lines(_text(self.output.get("stderr", b"")), 8)
        frames: list[Frame] = []
        with contextlib.suppress(OSError):
            crash = (self.directory / supervisor.CRASH).read_text(errors="replace")
            frames = _frames_of_dump(crash)

        guilty = culprit(frames)
        if frames:
            details = "\n".join(frame.text for frame in frames[-5:])
        kind: FailureKind = "killed"
        if status is None:
            reason = "ended without a trace: its guardian was killed"
        elif os.WIFEXITED(int(status)):
            kind = "exited"
            reason = f"ended its process with exit status {os.WEXITSTATUS(int(status))}"
        else:
            number = os.WTERMSIG(int(status))
            reason = f"was killed by {_signal_name(number)}"
            if number == signal.SIGKILL:
                reason += f", probably out of memory (peak seen: {size(peak)})"
        return ChildFailure(
            kind,
            reason,
            where=guilty.where if guilty else None,
            details=details or None,
            during=self.during,
            key=self.key,
            op=self.op,
        )


def _unpickled(content: bytes) -> dict[str, object]:
    try:
        outcome = pickle.loads(content)  # noqa: S301 - written by our own child
    except Exception as error:  # noqa: BLE001 - whatever __setstate__ or an import raises
        return {"kind": "unpicklable", "reason": f"{type(error).__name__}: {error}"}
    assert isinstance(outcome, dict)
    return outcome


def _python_path(environment: Mapping[str, str]) -> str:
    """PYTHONPATH by which the child's own children find this package, however it was found."""
    root = str(_ROOT)
    given = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    entries = [entry for entry in given.split(os.pathsep) if entry]
    # an installed package is found anyway; its site-packages must not come first
    if "site-packages" in _ROOT.parts or root in entries:
        return os.pathsep.join(entries)
    return os.pathsep.join([*entries, root])


@contextlib.contextmanager
def _process_handle(pid: int) -> Iterator[int | None]:
    """A descriptor that is readable when the process has ended, where the system has it."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the guardian and all below it, and wait for them; no second Ctrl-C prevents it."""
    if process.returncode is not None:
        return
    for wait_s in (_END_S, 1.0, 1.0):
        with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            if process.poll() is None:
                process.terminate()
            process.wait(wait_s)
            return
        for pid in [*supervisor.descendants(process.pid), process.pid]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - the cheap form
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        if sys.platform.startswith("linux"):
            return 0
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _proportional_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return _resident_bytes(pid)
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else _resident_bytes(pid)


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_DUMPED_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)$')


def _frames_of_dump(text: str) -> list[Frame]:
    """Read faulthandler's dump: the thread that holds our entry function, outermost frame first."""
    import linecache

    threads: list[list[Frame]] = [[]]
    for line in text.splitlines():
        found = _DUMPED_FRAME.match(line)
        if found:
            number = int(found["line"])
            source = linecache.getline(found["file"], number).strip()
            threads[-1].append(Frame(found["file"], number, found["function"], source))
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


def _text(content: bytes | bytearray) -> str:
    return bytes(content[-_KEPT_OUTPUT_BYTES:]).decode(errors="replace")


def _last_lines(text: str, count: int) -> str:
    return "\n".join(text.rstrip().splitlines()[-count:])
