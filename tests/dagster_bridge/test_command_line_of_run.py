"""The command line that runs a job: ``dg launch`` where it is installed, the older one if not."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.dagster_bridge import runs
from advisor.dagster_bridge.runs import RunRequest, command_line, execute
from advisor.domain.workload import TargetReference

BY_ATTRIBUTE = TargetReference("shop:nightly", "shop", None, "nightly", None, "/here")
BY_JOB = TargetReference("shop", None, "/here/shop.py", None, "nightly", "/here")


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (BY_ATTRIBUTE, ["-m", "shop", "-a", "nightly"]),
        (BY_JOB, ["-f", "/here/shop.py"]),
    ],
)
def test_dg_launches_the_job_by_its_name_where_it_is_installed(target, place, monkeypatch):
    monkeypatch.setattr(runs, "has_dg", lambda: True)

    command = command_line(target, Path("c.yaml"), lambda: "nightly_job")

    assert command[0] == sys.executable
    assert command[3:] == ["launch", "--job", "nightly_job", *place, "-c", "c.yaml"]
    assert "dagster_dg_cli" in command[2]


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (BY_ATTRIBUTE, ["-m", "shop", "-a", "nightly"]),
        (BY_JOB, ["-f", "/here/shop.py", "-j", "nightly"]),
    ],
)
def test_without_dg_the_older_command_executes_it(target, place, monkeypatch):
    monkeypatch.setattr(runs, "has_dg", lambda: False)

    command = command_line(target, Path("c.yaml"))

    assert command[1:] == ["-m", "dagster", "job", "execute", *place, "-c", "c.yaml"]


@pytest.mark.parametrize(
    ("dg", "words"),
    [(True, ["--partition", "a"]), (False, ["--tags", '{"dagster/partition": "a"}'])],
)
def test_a_partition_is_named_to_either_command(dg, words, monkeypatch):
    monkeypatch.setattr(runs, "has_dg", lambda: dg)

    command = command_line(BY_ATTRIBUTE, Path("c.yaml"), lambda: "nightly_job", "a")

    assert command[command.index(words[0]) :][:2] == words


def test_the_command_finds_an_instance_that_has_its_tables(tmp_path, monkeypatch):
    """As a user's has: making them took a quarter of the command's time."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib\n"
        "home = pathlib.Path(os.environ['DAGSTER_HOME'])\n"
        "(home / 'seen').write_text(str((home / 'history' / 'runs.db').is_file()))\n"
        "raise SystemExit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    here = replace(BY_ATTRIBUTE, working_directory=str(tmp_path))
    execute(RunRequest(here, "cli", {}, str(home)))

    assert (home / "seen").read_text() == "True"
