"""Each project is profiled as it is; what is printed to paste runs with equal results."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone

import pytest
from click.testing import CliRunner
from factories import make_host_profile
from projects import HERE, PROJECTS, Workload

from advisor.api.calibrating import subject_of
from advisor.cli import cli
from advisor.dagster_bridge.target import parse_target
from advisor.host_store import cache_path, write_host


@pytest.fixture(autouse=True)
def _calibrated(monkeypatch, tmp_path) -> None:
    """A host whose figures are known: nothing here is about time."""
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path / "cache"))


def seed_calibration(module: str | None) -> None:
    subject = subject_of(None)
    storage = subject.instance.storage
    host = make_host_profile(
        facts=subject.facts,
        storage=storage,
        user_module=module,
        calibrated_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    write_host(cache_path(subject.facts, storage, module), host)


def dynadvise(*arguments: object) -> str:
    outcome = CliRunner().invoke(cli, list(map(str, arguments)))
    assert outcome.exit_code == 0, outcome.output + outcome.stderr
    return outcome.stdout


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.folder)
def test_what_profile_prints_runs_with_equal_results(
    project: Workload, monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(project.path)
    target, *where = project.target.split()
    seed_calibration(parse_target(target).source)
    profiles = ("--profiles", tmp_path / "profiles")
    how = ("--fast", "--samples", 1, "--yes", "--format", "json")
    shown = json.loads(dynadvise("profile", target, *where, *profiles, *how))
    assert shown["target"] == target
    for file, kind in (("config.yaml", "run-config"), ("pasted.py", project.kind)):
        (tmp_path / file).write_text(dynadvise("emit", target, *profiles, "--as", kind))
    command = [sys.executable, HERE / "run_pasted.py", project.folder, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    given = json.loads(done.stdout.splitlines()[-1])
    assert given == {"original": project.gives, "config": project.gives, "code": project.gives}
