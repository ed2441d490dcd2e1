"""A container's process: Dagster's command line with the container's arguments and environment.

``cold`` starts Python as a container does; ``warm`` forks a process that has imported Dagster, for
grids in which the boot of many pods on two cores shall not hide the queue.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).resolve().parent
IMPORTED = [
    "pod_process",
    "dagster._cli.api",
    "dagster._core.instance.factory",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._daemon",
]
"""What a step's process imports of Dagster, instance and storage included."""

FORKSERVER = multiprocessing.get_context("forkserver")


class ContainerProcess(Protocol):
    """A started process."""

    pid: int

    def wait(self, timeout: float) -> int | None:
        """Its exit status; None while it runs."""

    def kill(self) -> None: ...


def image_environment(env: dict[str, str]) -> dict[str, str]:
    """What an image has, and the container's own on top of it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(HERE), **env}


class ColdProcess:
    """``dagster ...`` as a new process, in a control group where one is given."""

    def __init__(self, args: list[str], env: dict[str, str], group: Path | None = None) -> None:
        script = 'if [ -n "$0" ] && [ "$0" != - ]; then echo 0 > "$0"; fi; exec "$@"'
        command = ["sh", "-c", script, str(group or "-"), sys.executable, "-m", *args]
        self._process = subprocess.Popen(
            command, env=image_environment(env), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        self.pid = self._process.pid

    def wait(self, timeout: float) -> int | None:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        self._process.kill()


class WarmProcess:
    """The same, forked from a process that has imported what Dagster's command line imports."""

    def __init__(self, args: list[str], env: dict[str, str], group: Path | None = None) -> None:
        self._process = FORKSERVER.Process(target=_run, args=(args, image_environment(env), group))
        self._process.start()
        self.pid = self._process.pid or 0

    def wait(self, timeout: float) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def preload(*modules: str) -> None:
    """Start the process to fork from."""
    FORKSERVER.set_forkserver_preload([*IMPORTED, *modules])
    first = FORKSERVER.Process(target=os.getpid)
    first.start()
    first.join()


def _run(args: list[str], env: dict[str, str], group: Path | None) -> None:
    from dagster._cli import cli

    if group:
        group.write_text("0")
    os.environ.clear()
    os.environ.update(env)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    cli(args[1:])
