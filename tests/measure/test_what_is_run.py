"""Which of the user's ops a measurement runs, and how often."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from measuring import profile_workload

from advisor.api.profile import plan
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.options import MeasureOptions, ProfileOptions, WorkloadOptions
from advisor.measure.sole_use import sole_use
from advisor.measure.workload.children import ProfileRequest

HERE = Path(__file__).parent
FILE = HERE / "outside_chain.py"
MAIN = "from advisor.cli import main; main()"


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """How often each op ran so far."""
    path = tmp_path / "ran"
    monkeypatch.setenv("RAN", str(path))
    # where commands that measure wait for each other
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path / "cache" / "calibrations"))
    return lambda: Counter(path.read_text().split() if path.exists() else ())


def profiled(name="nightly", budget_s=60.0, inputs=None, **options):
    target = parse_target(f"{FILE}:{name}", working_directory=HERE)
    asked = ProfileRequest(
        describe(load_target(target)), inputs=inputs, options=MeasureOptions(**options)
    )
    return profile_workload(asked, budget_s)


@pytest.mark.parametrize("again", [None, False])
def test_nothing_runs_but_the_chain_and_once_what_yields_its_items(ran, again):
    profile = profiled(samples=5, budget_s=8.0, allow_side_effects=again)
    counts = ran()
    assert counts["replace_table"] == counts["notify"] == 0
    assert counts["limits"] == counts["shards"] == 1
    measured = {call.item for call in profile.ops[0].calls}
    assert counts["score"] == len(measured) if again is False else counts["score"] > 5
    assert len(measured) >= 3
    assert profile.collect_s is None


def test_the_collecting_op_runs_where_it_is_asked_for(ran):
    profile = profiled(samples=5, budget_s=8.0, measure_collect=True)
    assert ran()["replace_table"] == 1
    assert profile.collect_s is not None
    assert 0 < profile.collect_items <= 5


def test_with_inputs_neither_the_fan_out_nor_what_is_before_it_runs(ran):
    profile = profiled(inputs="outside_chain:three", budget_s=2.0)
    assert set(ran()) == {"score"}
    assert profile.fan_out_s is None


@pytest.mark.parametrize(("agreed", "is_often"), [(False, False), (True, True)])
def test_items_that_cannot_be_pickled_do_not_make_the_fan_out_run_again(
    ran, monkeypatch, agreed, is_often
):
    monkeypatch.setenv("UNPICKLABLE", "1")
    profile = profiled(samples=5, budget_s=20.0, allow_side_effects=agreed or None)
    assert (ran()["shards"] > 1) == is_often
    assert len({call.item for call in profile.ops[0].calls}) == 5
    assert agreed or any("--inputs" in note for note in profile.notes)


def test_the_first_line_names_every_op(ran):
    options = ProfileOptions(WorkloadOptions(f"{FILE}:nightly", working_directory=HERE))
    first, *details = plan(options)
    assert first == (
        "Would run 'limits', 'shards' once, 'score' repeatedly on up to 40 items; "
        "not 'replace_table', 'notify'."
    )
    assert not any("replace_table" in line or "whole job" in line for line in details)
    agreed = replace(options, measure=MeasureOptions(allow_side_effects=True, measure_collect=True))
    assert sum("replace_table" in line for line in plan(agreed)) == 2
    assert any("whole job" in line for line in plan(agreed))
    assert not ran()


def test_a_second_fan_out_is_named_in_the_first_line(ran):
    description = describe(
        load_target(parse_target(f"{FILE}:two_fan_outs", working_directory=HERE))
    )
    assert description.other_ops == ("notify",)
    first, second = description.fan_out.handle, *description.other_fan_outs
    assert {first, second} == {"shards", "pages"}
    options = ProfileOptions(WorkloadOptions(f"{FILE}:two_fan_outs", working_directory=HERE))
    first_line, *details = plan(options)
    assert f"and so '{second}' with" in first_line
    assert first_line.endswith("; not 'notify'.")
    assert any(f"run '{second}' once" in line for line in details)


def on_a_terminal(command: str, *arguments: str, answer: bytes) -> tuple[int, str]:
    """Exit status and screen of the command on a terminal where somebody answers its question."""
    spelled = [sys.executable, "-c", MAIN, command, *arguments, "--no-save"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        spelled, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    ) as running:
        os.close(theirs)
        screen = b""
        while b"Run it?" not in screen and select.select([ours], [], [], 60.0)[0]:
            screen += os.read(ours, 4096)  # raises where the command ends without asking
        os.write(ours, answer)
        status = running.wait(60)
        os.close(ours)
    return status, screen.decode(errors="replace")


@pytest.mark.parametrize("command", ["profile", "verify"])
def test_on_a_terminal_it_asks_before_ops_are_repeated(ran, command):
    status, screen = on_a_terminal(command, f"{FILE}:nightly", "-d", str(HERE), answer=b"n\n")
    assert "Run it?" in screen
    assert "not 'replace_table'" in " ".join(screen.split())  # a terminal's lines are wrapped
    assert status == 0
    assert not ran()


def test_it_asks_before_it_waits_for_another_measurement(ran):
    with sole_use():  # this test's process measures
        status, screen = on_a_terminal("profile", f"{FILE}:nightly", "-d", str(HERE), answer=b"n\n")
    assert status == 0
    assert "Waiting" not in screen
    assert not ran()


def test_without_a_terminal_the_first_line_says_what_will_run(ran):
    failing = "def fails(number):\n    raise ValueError(number)\n"
    folder = Path(os.environ["RAN"]).parent
    (folder / "failing.py").write_text(failing)
    (folder / "numbers.json").write_text("[1, 2]")
    done = subprocess.run(
        [
            *(sys.executable, "-c", MAIN, "profile", "failing.py:fails"),
            *("--inputs", "numbers.json"),
        ],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    first = done.stderr.splitlines()[0]
    assert first == "Will run 'fails' repeatedly on up to 40 items."


def test_a_dry_run_of_verify_measures_nothing_first(ran, tmp_path):
    from advisor.cli import cli

    with pytest.raises(SystemExit) as ended:
        cli.main(
            ["verify", f"{FILE}:nightly", "-d", str(HERE), "--profiles", str(tmp_path), "--dry-run"]
        )
    assert ended.value.code == 0
    assert not ran()


@pytest.mark.parametrize("allowed", [True, None, False])
def test_an_io_manager_that_may_replace_another_runs_values_is_left_alone(ran, allowed):
    profile = profiled("shelved", samples=3, budget_s=4.0, allow_side_effects=allowed)
    assert (ran()["stored"] > 0) == (allowed is True)
    assert any("IO manager" in note for note in profile.notes) == (allowed is not True)


@pytest.mark.parametrize(
    ("name", "allowed", "named"),
    [("shelved", None, True), ("shelved", False, False), ("nightly", None, False)],
)
def test_the_projects_own_io_manager_is_named_before_it_stores(ran, name, allowed, named):
    options = ProfileOptions(
        WorkloadOptions(f"{FILE}:{name}", working_directory=HERE),
        measure=MeasureOptions(allow_side_effects=allowed),
    )
    told = [line for line in plan(options) if "the job's own IO manager 'io_manager'" in line]
    assert bool(told) == named
    assert not ran()


def test_items_that_log_errors_are_counted(ran):
    profile = profiled("swallow", inputs="outside_chain:four", budget_s=12.0)
    logged = {call.item: call.errors_logged > 0 for call in profile.ops[0].calls}
    assert logged == {0: True, 1: True, 2: False, 3: False}
