"""Nothing of a measurement stays in the temporary folder, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from advisor.measure.child import run_in_child
from advisor.measure.workspace import workspace

HERE = Path(__file__).parent

MEASURING = f"""
import signal, sys
from advisor.cli import _end
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, _end)
from advisor.measure.child import run_in_child
from advisor.measure.workspace import workspace
with workspace():
    result = run_in_child(
        "child_bodies:leaves_files_and_hangs", "secret", timeout_s=60,
        python_path=({str(HERE)!r},)
    )
"""


def wait_until(condition, timeout_s=15.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder, empty."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def measuring(temporary):
    process = subprocess.Popen([sys.executable, "-c", MEASURING], stderr=subprocess.DEVNULL)
    wait_until(lambda: list(temporary.rglob("users-*")) and list(temporary.rglob("*.pickle")))
    yield process
    process.kill()
    process.wait()


SIGNALS = [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGKILL]


@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_stays_when_the_tool_is_ended(temporary, measuring, number):
    os.kill(measuring.pid, number)
    measuring.wait(20)
    wait_until(lambda: not list(temporary.iterdir()))


@pytest.mark.parametrize("depth", [1, 2], ids=["guardian", "worker"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_a_child_is_ended(temporary, measuring, number, depth):
    of = measuring.pid
    for _ in range(depth):
        of = next(c.pid for c in psutil.Process(of).children() if "-ISc" not in c.cmdline())
    os.kill(of, number)
    measuring.wait(20)
    wait_until(lambda: not list(temporary.iterdir()))


def test_files_of_user_code_are_removed_too(temporary):
    with workspace():
        run_in_child("child_bodies:leaves_files", "x", timeout_s=20, python_path=(HERE,)).unwrap()
        assert len(list(temporary.iterdir())) == 1  # the workspace
        assert list(temporary.rglob("users-*"))
    assert not list(temporary.iterdir())
    assert tempfile.gettempdir() == str(temporary)
