"""Files beside the user's code that have the names of other modules replace none of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from measuring import profile_workload

from advisor.dagster_bridge.calibration_job import CalibrationRequest
from advisor.dagster_bridge.discovery import DiscoveryRequest
from advisor.dagster_bridge.instances import temporary_instance_home
from advisor.dagster_bridge.target import parse_target
from advisor.domain.options import MeasureOptions
from advisor.measure.child import run_in_child
from advisor.measure.workload.children import ProfileRequest

NAMES = ("json", "queue", "random", "click", "psutil", "secrets", "statistics")

JOB = """
from dagster import DynamicOut, DynamicOutput, job, op
import {imported}

@op(out=DynamicOut())
def split():
    for number in range(3):
        yield DynamicOutput(number, mapping_key=f"k{{number}}")

@op
def process(number):
    import helper
    return helper.doubled(number)

@job
def doubling():
    split().map(process)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('the user has a {name}')\n")
    (tmp_path / "advisor").mkdir()
    (tmp_path / "advisor" / "__init__.py").write_text("raise RuntimeError('another advisor')\n")
    (tmp_path / "helper.py").write_text("def doubled(number):\n    return 2 * number\n")
    (tmp_path / "work.py").write_text(dedent(JOB).format(imported="json"))
    return tmp_path


def dynadvise(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "dynadvise"), *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_commands_work_beside_them(folder: Path) -> None:
    checked = dynadvise(folder, "check", "--static", "work.py:doubling")
    assert checked.returncode == 0, checked.stderr
    assert "PASS" in checked.stdout
    planned = dynadvise(folder, "profile", "work:doubling", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "'process'" in planned.stdout


def test_ops_are_measured_beside_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    target = parse_target("work.py:doubling", working_directory=folder)
    found = run_in_child(
        "advisor.dagster_bridge.discovery:discover",
        DiscoveryRequest(target),
        timeout_s=60,
        working_directory=folder,
    ).unwrap()
    profile = profile_workload(
        ProfileRequest(found.description, options=MeasureOptions(samples=2)), budget_s=4
    )
    assert len(profile.ops) == 1
    assert not [probe for probe in profile.probes if probe.failed]


def test_a_calibrating_run_works_beside_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    target = parse_target("work:doubling", working_directory=folder)
    with temporary_instance_home() as home:
        child = run_in_child(
            "advisor.dagster_bridge.calibration_job:execute_calibration",
            CalibrationRequest("spawn", 1, 0.0, None, target, str(home)),
            timeout_s=60,
            target=target,
            environment={"DAGSTER_HOME": str(home)},
            working_directory=folder,
        )
    assert child.failure is None
    assert child.value.run.steps


@pytest.mark.parametrize(
    ("imported", "said"),
    [
        ("wave", "wave.py has the name of Python's own module `wave`"),
        ("advisor.shop", "advisor has the name of dynadvise's own package"),
    ],
)
def test_what_the_users_own_import_met_is_said(folder: Path, imported: str, said: str) -> None:
    (folder / "wave.py").write_text("from collections import no_such_name\n")
    (folder / "work.py").write_text(dedent(JOB).format(imported=imported))
    checked = dynadvise(folder, "profile", "work:doubling", "--dry-run")
    assert checked.returncode == 2
    assert said in checked.stderr.replace("\n", " ")
