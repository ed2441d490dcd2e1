"""One watched child process: its pipes, its limits, and its end."""

import contextlib
import json
import os
import pickle
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from advisor.dagster_bridge.process_usage import proportional_bytes, resident_bytes
from advisor.domain.quantities import size
from advisor.domain.workload import TargetReference
from advisor.measure import supervisor
from advisor.measure.child.result import (
    Activity,
    ChildFailure,
    ChildResult,
    FailureKind,
    death,
    failure_in,
    outcome_in,
    stacks_of,
    terminal,
)
from advisor.measure.child.server import ForkedGuardian, environment_of, forked, interpreter
from advisor.measure.workspace import workspace

_OUTPUT_BYTES = 64 * 1024  # of what the child writes, the last of which are left
_LOOK_S = 0.1  # between two looks at the memory of the child's tree
_END_S = 12.0  # for the guardian to end its tree; it needs milliseconds
Guardian = Union["subprocess.Popen[bytes]", ForkedGuardian]


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
        working_directory: Current folder of the child; ours where None.
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
        watched = _Watched(directory, lifeline, timeout_s, memory_limit_bytes, stop)
        return watched.run(environment or {})


@dataclass
class _Watched:
    """One running child, its pipes, and what it has told so far."""

    directory: Path
    lifeline: int
    timeout_s: float
    memory_limit_bytes: int | None
    stop: threading.Event | None = None
    output: dict[str, bytearray] = field(default_factory=dict)
    worker_pid: int | None = None
    stacks_descriptor: int = -1  # the worker's own number
    activity: Activity = field(default_factory=Activity)
    during_deadline: float = float("inf")
    during_timeout_s: float = float("inf")
    peak_rss_bytes: int = 0
    ended: ChildFailure | None = None  # our own reason to kill it

    def run(self, environment: Mapping[str, str]) -> ChildResult:
        started = time.monotonic()
        progress = self.directory / supervisor.PROGRESS
        os.mkfifo(progress)
        process = self._start(environment_of(environment))
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

    def _start(self, environment: Mapping[str, str]) -> Guardian:
        directory = str(self.directory)
        return forked(directory, environment) or subprocess.Popen(
            interpreter("main", (directory, os.getpid(), self.lifeline)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(self.lifeline,),
            start_new_session=True,
            env=environment,
        )

    def _follow(self, process: Guardian, progress: int, deadline: float) -> None:
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
        tail = self.output[name]
        tail += block
        if name == "progress":
            *lines, rest = bytes(tail).split(b"\n")
            tail[:] = rest
            for line in lines:
                self._told(line)
        elif len(tail) > 2 * _OUTPUT_BYTES:
            del tail[:-_OUTPUT_BYTES]
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
            self.activity = Activity(message["watch"], message.get("key"), message.get("op"))
            timeout_s = message.get("timeout_s")
            self.during_timeout_s = float("inf") if timeout_s is None else float(timeout_s)
            self.during_deadline = time.monotonic() + self.during_timeout_s

    def _look_at_memory(self, process: Guardian) -> None:
        tree = supervisor.descendants(process.pid)
        used = sum(resident_bytes(pid) for pid in tree)
        limit = self.memory_limit_bytes
        if used > self.peak_rss_bytes and len(tree) > 1:
            # pages shared among forked processes count once
            used = sum(proportional_bytes(pid) for pid in tree)
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
        frames = stacks_of(self.directory, self.worker_pid, self.stacks_descriptor)
        return self.activity.stopped(kind, reason, frames)

    def _result(self, wall_s: float) -> ChildResult:
        status: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError):
            status = json.loads((self.directory / supervisor.STATUS).read_text())
        outcome = outcome_in(self.directory)
        peak = max(self.peak_rss_bytes, int(status.get("max_rss_bytes", 0)))
        stderr = _text(self.output.get("stderr", b""))
        failure = self.ended
        if failure is None and not outcome:
            failure = death(
                self.directory,
                self.activity,
                status.get("status"),
                peak_bytes=peak,
                stderr=stderr,
            )
        elif failure is None and outcome["kind"] != "value":
            failure = failure_in(outcome, self.activity)
        return ChildResult(
            value=outcome.get("value") if failure is None else None,
            failure=failure,
            wall_s=wall_s,
            cpu_s=float(status.get("cpu_s", 0.0)),
            peak_rss_bytes=peak,
            stdout_tail=_text(self.output.get("stdout", b"")),
            stderr_tail=stderr,
        )


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


def _end(process: Guardian) -> None:
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


def _text(content: bytes | bytearray) -> str:
    return bytes(content[-_OUTPUT_BYTES:]).decode(errors="replace")
