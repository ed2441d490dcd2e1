"""A Redis and a Celery worker of our own, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import yaml
from pod_process import HERE
from postgres_server import free_port

_WITHIN_S = 60.0


def redis_missing() -> str:
    """Why there is no Redis here; empty where there is one."""
    if shutil.which("redis-server") is None:
        return "redis-server is not installed"
    return "" if find_spec("redis") else "celery[redis] is not installed"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Its URL, on a free port of 127.0.0.1."""
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
         "--save", "", "--daemonize", "no"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _until(lambda: _answers(port), "redis-server")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def worker(folder: Path, url: str, slots: int) -> Iterator[None]:
    """``dagster-celery worker start`` with so many slots, ready to take tasks."""
    config, log = folder / "celery.yaml", folder / f"worker-{slots}.log"
    config.write_text(yaml.safe_dump({"execution": {"config": app(url)}}))
    programs = Path(sys.executable).parent
    command = [str(programs / "dagster-celery"), "worker", "start"]
    command += ["-A", "dagster_celery.app", "-y", str(config), "--", f"--concurrency={slots}"]
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,  # the command starts others
            env={
                **os.environ,
                "PATH": f"{programs}:{os.environ['PATH']}",  # of `celery`, which it calls
                "PYTHONPATH": str(HERE),
                "DAGSTER_HOME": str(folder),
            },
        )
    try:
        _until(lambda: " ready." in log.read_text(), "the Celery worker", process)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def app(url: str) -> dict[str, str]:
    """Of the executor's and the worker's configuration."""
    return {"broker": url, "backend": url}


def _answers(port: int) -> bool:
    ping = subprocess.run(
        ["redis-cli", "-p", str(port), "ping"], capture_output=True, check=False, text=True
    )
    return "PONG" in ping.stdout


def _until(ready, what: str, process: subprocess.Popen[bytes] | None = None) -> None:
    until_s = time.monotonic() + _WITHIN_S
    while not ready():
        ended = process is not None and process.poll() is not None
        assert not ended, f"{what} has ended"
        assert time.monotonic() < until_s, f"{what} is not ready within {_WITHIN_S:g} s"
        time.sleep(0.1)
