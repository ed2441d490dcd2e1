"""A process of ours that has Dagster imported and forks children: each starts in milliseconds.

Importing Dagster takes longer than most parts of a measurement. A forked child has imported what
any of our children imports before the user's code, and nothing of the user's.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import IO

from advisor.measure.child.interpreter import environment_of, interpreter
from advisor.measure.workspace import workspace

_ANSWER_S = 60.0  # for the server's imports, on a busy machine; a fork takes milliseconds


class ForkedGuardian:
    """A guardian that the server has forked, with what `subprocess.Popen` offers of one."""

    def __init__(self, pid: int, handle: int, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._handle = handle

    def poll(self) -> int | None:
        """None as long as it runs."""
        self._look(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended.

        Raises:
            subprocess.TimeoutExpired: It runs on.
        """
        self._look(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("guardian", timeout or 0.0)
        return self.returncode

    def _look(self, timeout_s: float | None) -> None:
        if self.returncode is None and select.select([self._handle], [], [], timeout_s)[0]:
            self.returncode = 0

    def terminate(self) -> None:
        """Let it end all that is below it."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._handle, signal.SIGTERM)

    def __enter__(self) -> ForkedGuardian:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()
        self.wait()
        os.close(self._handle)


@dataclass(frozen=True, slots=True)
class _Server:
    """One that runs: our end of its socket, and the environment that its children have."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    environment: Mapping[str, str]
    lock: Lock = field(default_factory=Lock)

    def fork(self, directory: str) -> ForkedGuardian | None:
        """A guardian for the request in this folder; None where the server gives no answer."""
        (stdout, their_stdout), (stderr, their_stderr) = os.pipe(), os.pipe()
        try:
            with self.lock:
                outputs = [their_stdout, their_stderr]
                socket.send_fds(self.connection, [os.fsencode(directory)], outputs)
                pid = int(self.connection.recv(64))
            handle = os.pidfd_open(pid)
        except (OSError, ValueError):
            self.process.kill()  # and with it what it may have forked
            os.close(stdout)
            os.close(stderr)
            return None
        finally:
            os.close(their_stdout)
            os.close(their_stderr)
        return ForkedGuardian(pid, handle, os.fdopen(stdout, "rb"), os.fdopen(stderr, "rb"))


_running: list[_Server] = []


@contextlib.contextmanager
def child_server() -> Iterator[None]:
    """Within this block children are forked from one process, where the system allows it.

    Those that need another environment, and all where the server died, start as fresh interpreters.
    """
    if not hasattr(os, "pidfd_open"):
        yield
        return
    with workspace() as lifeline, _connection() as (ours, theirs):
        environment = environment_of({})
        process = subprocess.Popen(
            interpreter("serve", (theirs.fileno(), os.getpid(), lifeline)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), lifeline),
            start_new_session=True,
            env=environment,
        )
        theirs.close()
        _running.append(_Server(process, ours, environment))
        try:
            yield
        finally:
            _running.pop()
            process.kill()
            process.wait()


@contextlib.contextmanager
def _connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection, closed afterwards."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(_ANSWER_S)
        yield ours, theirs


def forked(directory: str, environment: Mapping[str, str]) -> ForkedGuardian | None:
    """A guardian that runs the request in a folder; None where none can be forked for it."""
    if not _running or _running[-1].environment != environment:
        return None
    return _running[-1].fork(directory)
