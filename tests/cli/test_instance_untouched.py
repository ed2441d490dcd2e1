"""No command writes to the user's instance: not a byte, not a time, not a file beside one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterInstance

JOB = """
import time
from dagster import DynamicOut, DynamicOutput, job, op

@op(out=DynamicOut())
def split():
    for number in range(4):
        yield DynamicOutput(number, mapping_key=f"k{number}")

@op(pool="db")
def process(number):
    time.sleep(0.02)
    return number

@op
def collect(numbers):
    return sum(numbers)

@job
def summing():
    collect(split().map(process).collect())
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project with an instance at rest: runs of its job, and a limit of a pool."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "work.py").write_text(JOB)
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    program = (
        "from dagster import DagsterInstance; from work import summing\n"
        "with DagsterInstance.get() as instance:\n"
        "    instance.event_log_storage.set_concurrency_slots('db', 2)\n"
        "    assert summing.execute_in_process(instance=instance).success\n"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True)
    assert not list(home.rglob("*-wal"))
    return folder


def state(home: Path) -> dict[str, tuple[int, str | None]]:
    return {
        str(path.relative_to(home)): (
            path.stat().st_mtime_ns,
            hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else None,
        )
        for path in sorted([home, *home.rglob("*")])
    }


def dynadvise(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(project / "home"),
        "DYNADVISE_CACHE_DIR": str(project / "cache"),
    }
    return subprocess.run(
        [str(Path(sys.executable).parent / "dynadvise"), *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


TARGET = "work:summing"
COMMANDS = (
    ("check", "--static", TARGET),
    ("profile", TARGET, "--dry-run"),
    ("analyze",),
    ("analyze", "--instance", "home", "--save"),
    ("profile", TARGET, "--from-runs", "1", "--instance", "home"),
    ("verify", TARGET, "--dry-run"),
    ("recommend", TARGET),
    ("predict", TARGET),
    ("emit", TARGET, "--as", "run-config"),
    ("report", TARGET, "-o", "report.html"),
)


def test_commands_leave_an_instance_at_rest_alone(project: Path) -> None:
    before = state(project / "home")
    for arguments in COMMANDS:
        done = dynadvise(project, *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert state(project / "home") == before, arguments


def test_measuring_leaves_an_instance_at_rest_alone(project: Path) -> None:
    before = state(project / "home")
    done = dynadvise(project, "profile", TARGET, "--samples", "2", "--budget", "8", "--no-save")
    assert done.returncode == 0, done.stderr
    assert state(project / "home") == before


def test_the_limit_of_a_pool_is_read_while_the_instance_is_written(project: Path) -> None:
    from advisor.dagster_bridge.job_facts import instance_facts

    with DagsterInstance.from_config(str(project / "home")) as instance:
        instance.event_log_storage.set_concurrency_slots("db", 3)
        facts = instance_facts(project / "home")
        assert facts is not None
        assert facts.pool_limits == {"db": 3}
