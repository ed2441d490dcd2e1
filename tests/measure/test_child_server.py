"""Children that are forked from one process of ours."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from advisor.measure.child import run_in_child
from advisor.measure.child.server import child_server

HERE = Path(__file__).parent


def child(name, argument=None, **options):
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # pytest changes it between fixture and test
    return run_in_child(
        f"child_bodies:{name}", argument, timeout_s=60.0, python_path=(HERE,), **options
    )


def servers():
    return [p for p in psutil.Process().children() if "supervisor.serve" in " ".join(p.cmdline())]


@pytest.fixture
def server():
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    with child_server():
        until_s = time.monotonic() + 10
        while not servers() and time.monotonic() < until_s:
            time.sleep(0.01)  # between its fork and its program
        [process] = servers()
        yield process
    assert not process.is_running()


def test_each_child_is_a_process_of_its_own_below_the_server(server):
    first, second = (child("parents").value for _ in range(2))
    assert first[0] != second[0]
    assert server.pid in first[1:]
    assert server.pid in second[1:]


def test_dagster_is_imported_and_nothing_of_the_users(server):
    modules = child("modules").value
    assert "dagster" in modules
    assert not {"numpy", "pandas", "sklearn"} & set(modules)
    assert child("imports_itself").value
    assert child("imports_itself").value


def test_what_one_child_changes_the_next_does_not_see(server):
    assert child("change", "SET_BY_AN_OP").value
    assert child("variable", "SET_BY_AN_OP").value is None


def test_another_environment_starts_a_fresh_interpreter(server):
    assert child("variable", "COLOUR", environment={"COLOUR": "blue"}).value == "blue"
    assert server.pid not in child("parents", environment={"COLOUR": "blue"}).value


def test_a_changed_environment_reaches_the_child(server, monkeypatch):
    monkeypatch.setenv("COLOUR", "green")
    assert child("variable", "COLOUR").value == "green"


def test_a_server_that_died_is_done_without(server):
    os.kill(server.pid, signal.SIGKILL)
    assert child("add", (2, 3)).value == 5


def test_code_that_kills_all_above_it_ends_as_a_failure(server):
    failure = child("kill_all_above").failure
    assert failure.kind == "killed"
    assert child("add", (2, 3)).value == 5


def test_scikit_learns_settings_are_not_the_users(server):
    import sklearn.linear_model  # noqa: F401

    assert server.pid in child("parents").value
    assert child("variable", "KMP_DUPLICATE_LIB_OK").value is None
