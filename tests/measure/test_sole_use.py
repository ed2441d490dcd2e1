"""Two measurements on one machine take turns, and a killed one blocks nobody."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time

import pytest

from advisor.cli.context import CommandContext, show_texts
from advisor.measure.sole_use import lock_path, sole_use

HOLDER = """
import sys, time
from advisor.measure.sole_use import sole_use
with sole_use():
    with sole_use():
        pass
    print("held", flush=True)
    time.sleep(float(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "dynadvise.terminal")
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder():
    started = []

    def start(seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(seconds), "profile", "shop:job"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_it_waits_for_another_and_says_for_whom(holder, caplog):
    other = holder(1.5)
    with sole_use(60):
        assert other.wait(10) == 0  # it was about to end: nothing is left to wait for
    told = caplog.text
    assert f"process {other.pid}" in told
    assert "profile shop:job" in told
    assert told.count("Waiting") == 1


def test_a_killed_one_blocks_nobody(holder, caplog):
    other = holder(600)
    other.send_signal(signal.SIGKILL)
    other.wait()
    with sole_use(60):
        pass
    assert not caplog.records


def test_after_its_limit_it_goes_on_with_a_warning(holder, caplog):
    other = holder(600)
    with sole_use(0.3):
        assert other.poll() is None
    assert f"process {other.pid}" in caplog.text.split("WARNING")[1]
    # and the other's lock is as it was
    with sole_use(0):
        pass
    assert caplog.text.count("WARNING") == 2


def test_a_call_inside_another_waits_for_nothing(caplog):
    @sole_use()
    def measure() -> float:
        return time.monotonic()

    with sole_use():
        assert measure()
    assert not caplog.records


def test_without_a_folder_to_write_to_it_measures_all_the_same(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with sole_use():
        assert not lock_path().exists()
    assert not caplog.records


@pytest.mark.parametrize(("verbosity", "shown"), [(0, "Waiting: process"), (-1, "")])
def test_q_is_heard(holder, capsys, monkeypatch, verbosity, shown):
    terminal = logging.getLogger("dynadvise.terminal")
    monkeypatch.setattr(terminal, "handlers", [])
    monkeypatch.setattr(terminal, "propagate", True)
    show_texts(CommandContext(verbosity=verbosity))
    holder(0.5)
    with sole_use(60):
        stderr = capsys.readouterr().err
    assert stderr.startswith(shown)
    assert bool(stderr) == bool(shown)
