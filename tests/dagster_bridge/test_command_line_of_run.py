"""The command line that runs a job: ``dg launch`` where it is installed, the older one if not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from advisor.dagster_bridge import runs
from advisor.dagster_bridge.runs import command_line
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
