"""What may be imported before a fork, and what may not."""

from __future__ import annotations

import _thread
import sys
import sysconfig
from pathlib import Path

import pytest

from advisor.dagster_bridge.target import parse_target
from advisor.measure import loading
from advisor.measure.child import run_in_child
from advisor.measure.loading import FORK_CHECK_ENVIRONMENT

THREAD = """
import threading, time

threading.Thread(target=time.sleep, args=(9,), daemon=True, name="poller").start()
"""
JOB = """
from dagster import DynamicOut, DynamicOutput, job, op

@op(out=DynamicOut())
def numbers():
    yield DynamicOutput(1, mapping_key="n1")

@op
def doubled(number):
    return number * 2

@job
def jobs():
    numbers().map(doubled)
"""
# A thread that Python knows nothing of, as those of polars and other libraries are.
NATIVE_THREAD = """
import ctypes

libc = ctypes.CDLL(None)
thread = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
"""
# GNU OpenMP's pool, after its first parallel region.
OPENMP = """
import ctypes

library = ctypes.CDLL({library!r})
body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _data: None)
library.GOMP_parallel(body, None, 2, 0)
"""
REFUSED = {
    "a thread": (THREAD, "starts a thread when imported (poller)"),
    "a native thread": (NATIVE_THREAD, "starts a native thread when imported"),
    "a socket": ("import socket\nS = socket.socket()", "opens a connection when imported"),
    "an event loop": (
        "import asyncio\nLOOP = asyncio.new_event_loop()",
        "opens a connection when imported",
    ),
    "a database": (
        'import sqlite3\nDB = sqlite3.connect("prices.db")\nDB.execute("create table t (x)")',
        "keeps a file open when imported (prices.db)",
    ),
    "a file": ('F = open("big.bin", "w+b")', "keeps a file open when imported (big.bin)"),
}
ALLOWED = {
    "a log": 'F = open("run.log", "a")',
    "a closed file": 'open("x.txt", "w").close()',
    "numpy": "import numpy\nM = numpy.ones((300, 300)) @ numpy.ones((300, 300))",
}


def checked(folder: Path, source: str, modules: tuple[str, ...] = ()):
    """The check of a target ``mine`` with the source at its top; and of further modules."""
    (folder / "mine.py").write_text(source + JOB)
    target = parse_target("mine:jobs", working_directory=folder)
    found = run_in_child(
        "advisor.measure.loading:check_preload",
        (target, modules),
        timeout_s=60,
        python_path=(str(folder),),
        environment=FORK_CHECK_ENVIRONMENT,
        working_directory=folder,
    )
    return found.unwrap()


@pytest.mark.parametrize("kind", REFUSED)
def test_a_module_that_a_fork_would_break_is_refused(kind, tmp_path):
    source, reason = REFUSED[kind]

    found = checked(tmp_path, source)

    assert found.unsafe == {"mine": reason}
    assert not found.forkable


def test_a_pool_of_openmp_is_refused_and_that_of_openblas_is_not(tmp_path):
    (library,) = Path(sysconfig.get_path("purelib"), "scikit_learn.libs").glob("libgomp*")

    found = checked(tmp_path, "import numpy\n" + OPENMP.format(library=str(library)))

    assert found.unsafe == {"mine": "starts a native thread when imported"}


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_a_fork_leaves_whole_is_not_refused(kind, tmp_path):
    found = checked(tmp_path, ALLOWED[kind])

    assert found.unsafe == {}
    assert found.forkable


def test_a_module_of_the_first_call_is_refused_for_a_database_that_it_opens(tmp_path):
    source, reason = REFUSED["a database"]
    (tmp_path / "prices.py").write_text(source)

    found = checked(tmp_path, "", ("prices", "wave"))

    assert found.safe == ("wave",)
    assert found.unsafe == {"prices": reason}


def test_native_threads_are_counted_without_proc_and_macos_never_forks(monkeypatch):
    monkeypatch.setattr(loading, "TASKS", "/nowhere")
    before, held = loading.task_count(), _thread.allocate_lock()
    with held:
        _thread.start_new_thread(held.acquire, ())  # one that `threading` does not know
        assert loading.task_count() == before + 1
        assert not loading.may_fork()
    monkeypatch.setattr(loading, "task_count", lambda: 1)
    assert loading.may_fork()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not loading.may_fork()
