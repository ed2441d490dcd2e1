"""Ctrl-C and SIGTERM in the middle of a measurement leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from gate_project import COMPUTE, edit, git, make_project

DEADLINE_S = 120


def processes_in(folder: Path) -> list[psutil.Process]:
    """Processes whose working directory is below ``folder``."""
    return [process for process in psutil.process_iter() if is_in(folder, process)]


def is_in(folder: Path, process: psutil.Process) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except (psutil.Error, OSError):
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left(tmp_path, number):
    project = make_project(tmp_path / "shop")
    # The op tells that it runs, and hangs; the base's survey is the first to call it.
    told = "Path(tempfile.gettempdir(), 'called').touch()"
    edit(project, r"    total = region\n", f"    total = {told} or time.sleep(600)\n")
    git(project, "commit", "--quiet", "--all", "--message=it hangs")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", "from advisor.cli import main; main()", "check", COMPUTE]
    running = subprocess.Popen(
        [*command, "--base", "main"], cwd=project, env=environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + DEADLINE_S
        while not list(temporary.rglob("called")):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        assert git(project, "worktree", "list").count("\n") == 2
        assert processes_in(temporary)
        os.killpg(running.pid, number)  # as a terminal and a CI system do
        _, messages = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 128 + number
    assert "Traceback" not in messages
    assert git(project, "worktree", "list").count("\n") == 1
    assert git(project, "status", "--short") == ""
    assert processes_in(tmp_path) == []
    assert not list(temporary.iterdir())
