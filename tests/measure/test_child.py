from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from advisor.domain.errors import TargetError, UserCodeError
from advisor.measure.child import run_in_child, terminal
from advisor.measure.child.server import child_server

HERE = Path(__file__).parent


def child(name, argument=None, timeout_s=20.0, **options):
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # pytest changes it between fixture and test
    options.setdefault("python_path", (HERE,))
    return run_in_child(f"child_bodies:{name}", argument, timeout_s=timeout_s, **options)


def sleepers():
    """Processes of the tests' bodies that are still there (zombies too)."""
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "sleep" and "600" in (process.info["cmdline"] or [])
    ]


@pytest.fixture(autouse=True, params=["fresh interpreters", "forked"])
def nothing_is_left(request):
    before = set(psutil.Process().children(recursive=True))
    sleeping = set(sleepers())
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    with child_server() if request.param == "forked" else nullcontext():
        yield
    assert set(psutil.Process().children(recursive=True)) <= before
    assert set(sleepers()) <= sleeping


def test_value_comes_back():
    result = child("add", (2, 3))
    assert result.value == 5
    assert result.failure is None
    assert result.unwrap() == 5
    assert result.peak_rss_bytes > 1_000_000
    assert result.cpu_s > 0


def test_output_of_user_code_stays_out_of_ours_and_is_bounded(capfd):
    result = child("noisy")
    assert result.value == ""  # stdin is empty
    assert result.stdout_tail == "to stdout\n"
    assert result.stderr_tail.endswith("last line\n")
    assert len(result.stderr_tail) < 200_000
    assert capfd.readouterr() == ("", "")


def test_exception_is_told_with_the_users_frames_only():
    failure = child("bad_value").failure
    assert failure.kind == "raised"
    assert (failure.reason, failure.message) == ("raised ValueError", "no such chunk")
    assert failure.where.startswith(str(HERE / "child_bodies.py") + ":")
    assert "supervisor.py" not in failure.details
    assert "in bad_value" in failure.details
    with pytest.raises(UserCodeError, match="op 'a' raised ValueError: no such chunk"):
        child("bad_value").unwrap("op 'a'")


@pytest.mark.parametrize(
    ("body", "argument", "kind", "words"),
    [
        ("leave", 7, "exited", "sys.exit(7)"),
        ("leave", None, "exited", "sys.exit(None)"),
        ("leave_at_once", 3, "exited", "exit status 3"),
        ("leave_at_once", 0, "exited", "exit status 0"),
        ("killed", signal.SIGKILL, "killed", "SIGKILL, probably out of memory"),
        ("killed", signal.SIGTERM, "killed", "SIGTERM"),
        ("crash", None, "killed", "SIGSEGV"),
        ("unpicklable", None, "unpicklable", "cannot be pickled"),
    ],
)
def test_ways_to_fail(body, argument, kind, words):
    failure = child(body, argument).failure
    assert failure.kind == kind
    assert words in failure.reason


def test_native_crash_names_the_line_and_blames_no_memory():
    failure = child("crash").failure
    assert "child_bodies.py" in failure.where
    assert failure.as_error().hint is None
    assert "memory" in child("killed", signal.SIGKILL).failure.as_error().hint


def test_hang_is_ended_and_says_where_and_what():
    started = time.monotonic()
    failure = child("sleep_inside", 600).failure
    assert time.monotonic() - started < 10
    assert failure.kind == "hung"
    assert "0.3 s" in failure.reason
    assert failure.during == "op 'slow' on item 3"
    assert "child_bodies.py" in failure.where
    assert "time.sleep(seconds)" in failure.details


def test_whole_time_limit():
    failure = child("endless_thread").failure
    assert failure is None
    failure = run_in_child("time:sleep", 600, timeout_s=0.3).failure
    assert failure.kind == "hung"


def test_memory_limit():
    failure = child("eat", 400 << 20, memory_limit_bytes=150 << 20).failure
    assert failure.kind == "memory"
    assert "150 MiB" in failure.reason
    assert "child_bodies.py" in failure.where


def test_threads_that_never_end_do_not_hold_the_child():
    assert child("endless_thread").value == "done"


def test_exit_handlers_run(tmp_path):
    child("exit_handler", str(tmp_path / "handled"))
    assert (tmp_path / "handled").read_text() == "cleaned"


def test_daemon_is_ended_when_the_child_has_ended(tmp_path):
    assert child("daemonise", str(tmp_path)).failure is None


def test_daemon_is_ended_after_a_timeout(tmp_path):
    assert child("daemonise_and_hang", str(tmp_path), timeout_s=1.0).failure.kind == "hung"


def test_texts_are_shown_in_order(caplog):
    child("tell", 5)
    assert caplog.messages == [f"number {number}" for number in range(5)]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("closes_all_and_opens", None),
        ("closes_all_opens_and_hangs", "hung"),
        ("closes_all_opens_and_crashes", "killed"),
    ],
)
def test_files_that_an_op_opens_after_closing_all_stay_its_own(tmp_path, caplog, body, kind):
    result = child(body, str(tmp_path / "users"))
    assert (result.failure and result.failure.kind) == kind
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == dict.fromkeys(written, "")
    assert len(written) == 40
    assert caplog.messages == ([] if kind else ["still heard"])


def test_interruption_while_a_text_is_shown_ends_the_child(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "warning", stop)
    with pytest.raises(KeyboardInterrupt):
        child("tell", 1)


def test_error_for_the_user_keeps_its_kind():
    with pytest.raises(TargetError, match="proces") as caught:
        child("user_error").unwrap()
    assert caught.value.hint == "Did you mean 'process'?"


def test_the_env_file_of_the_current_folder_is_read_as_by_dagster(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("COLOUR='light green'  # for EnvVar('COLOUR')\n")
    assert child("where_am_i").value[1] == "light green"
    assert child("where_am_i", environment={"COLOUR": "red"}).value[1] == "red"


def test_folder_and_environment(tmp_path):
    result = child("where_am_i", working_directory=tmp_path, environment={"COLOUR": "red"})
    assert result.value == (str(tmp_path), "red")


@pytest.mark.parametrize("server", ["nullcontext", "child_server"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_us(number, server):
    """Whatever ends the process that measures, nothing that it started stays."""
    script = textwrap.dedent(f"""
        from contextlib import nullcontext
        from advisor.measure.child import run_in_child, terminal
        from advisor.measure.child.server import child_server
        with {server}():
            run_in_child("child_bodies:daemonise_and_hang", "/tmp", timeout_s=60,
                         python_path=({str(HERE)!r},))
    """)
    before = len(sleepers())
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(sleepers()) >= before + 2)
        os.kill(process.pid, number)
        process.wait(20)
        wait_until(lambda: len(sleepers()) == before)
    finally:
        process.kill()
        process.wait()


def wait_until(condition, timeout_s=15.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
