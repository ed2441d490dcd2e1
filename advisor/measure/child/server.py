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
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO

from advisor.measure.workspace import workspace

_START = """\
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
sys.path.insert(0, sys.argv.pop())
import advisor
del sys.path[0]
from advisor.measure import supervisor
supervisor.{entry}()
"""
"""Our own package is loaded by its path, and not from the current folder that ``-c`` puts first:
nothing beside the user's code takes its place or that of a standard module."""
_OURS_ALONE = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"} - set(os.environ)
"""Set in our process by scikit-learn when the model is fitted, unless the user has them."""
_ROOT = Path(__file__).resolve().parents[3]
_ANSWER_S = 60.0  # for the server's imports, on a busy machine; a fork takes milliseconds


def interpreter(entry: str, arguments: Sequence[object]) -> list[str]:
    """The command that starts a fresh interpreter at one of `supervisor`'s entry points."""
    return [sys.executable, "-c", _START.format(entry=entry), *map(str, arguments), str(_ROOT)]


def environment_of(added: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the user's, that of the ``.env``, and what is added."""
    users = {name: value for name, value in os.environ.items() if name not in _OURS_ALONE}
    return {**users, **_env_file(), "PYTHONPATH": _python_path(added), **added}


def _env_file() -> dict[str, str]:
    """What Dagster's own commands add to the environment: the ``.env`` of the current folder."""
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(".env").items() if value is not None}


def _python_path(environment: Mapping[str, str]) -> str:
    """PYTHONPATH by which the child's own children find this package, however it was found."""
    root = str(_ROOT)
    variable = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    entries = [entry for entry in variable.split(os.pathsep) if entry]
    # an installed package is found anyway; its site-packages must not come first
    if "site-packages" in _ROOT.parts or root in entries:
        return os.pathsep.join(entries)
    return os.pathsep.join([*entries, root])


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
