"""``dynadvise init``: shows its change, keeps what is there, and is done after one time."""

from __future__ import annotations

import sys

import pytest
import yaml
from click.testing import CliRunner

from advisor.api.project_setup import carry_out, plan_setup
from advisor.cli import cli
from advisor.domain.errors import ConfigurationError
from advisor.settings import load

PYPROJECT = """\
# a comment of mine
[project]
name = "shop"   # odd   spacing
dependencies = [
    "dagster",
]

[tool.ruff]
line-length = 100
"""
PRE_COMMIT = """\
# mine
repos:
  - repo: https://example.org/hooks
    rev: v1
    hooks:
      - id: one
        args: [a, b] # why
# the end
ci:
  skip: [one]
"""


def init(*arguments, **values):
    return CliRunner().invoke(cli, ["init", *arguments], **values)


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / ".pre-commit-config.yaml").write_text(PRE_COMMIT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_it_shows_the_change_and_writes_only_after_a_yes(project):
    before = files(project)
    shown = init("shop:job", input="n\n")
    assert shown.exit_code == 0, shown.output
    assert "+[tool.dynadvise]" in shown.output
    assert "+++ b/.pre-commit-config.yaml" in shown.output
    assert files(project) == before
    assert init("shop:job", "--dry-run").exit_code == 0
    assert files(project) == before
    nobody = init("shop:job", input="")
    assert files(project) == before
    assert nobody.exit_code != 0
    assert init("shop:job", input="y\n").exit_code == 0
    assert set(files(project)) == {*before, ".github/workflows/dynadvise.yml"}


def test_what_is_there_stays_and_a_second_time_changes_nothing(project):
    assert init("shop:job", "--yes").exit_code == 0
    after = files(project)
    assert after["pyproject.toml"].startswith(PYPROJECT)
    assert load(project).targets == ("shop:job",)
    hooks = yaml.safe_load(after[".pre-commit-config.yaml"])
    assert [repo["hooks"][0]["id"] for repo in hooks["repos"]] == ["one", "dynadvise"]
    assert hooks["ci"] == {"skip": ["one"]}
    for line in PRE_COMMIT.splitlines():
        assert line in after[".pre-commit-config.yaml"].splitlines()
    workflow = yaml.safe_load(after[".github/workflows/dynadvise.yml"])
    assert "dynadvise check --base" in workflow["jobs"]["check"]["steps"][-1]["run"]
    again = init("shop:job", "--yes")
    assert "nothing to change" in again.output
    assert files(project) == after


def test_a_further_target_joins_the_list(project):
    init("shop:job", "--yes")
    init("shop:other", "--yes")
    assert load(project).targets == ("shop:job", "shop:other")


def test_an_empty_folder_gets_all_three(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = init("--yes")
    assert result.exit_code == 0
    assert "No target yet" in result.output
    assert set(files(tmp_path)) == {
        "pyproject.toml",
        ".pre-commit-config.yaml",
        ".github/workflows/dynadvise.yml",
    }
    assert load(tmp_path).targets == ()


@pytest.mark.parametrize(
    "text",
    [
        "repos: []\n",
        "repos: []\nci: {skip: [one]}\n",
        "repos:\n- repo: local\n  hooks:\n  - {id: one, entry: x}\n",
        "repos:\n- repo: local\n  hooks:\n  - id: one\n    entry: >\n      folded\nci: {}\n",
        "repos:\n- repo: local\n  hooks: []",
    ],
)
def test_pre_commit_files_of_other_shapes(tmp_path, text):
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(text)
    carry_out(plan_setup(tmp_path, ci=False))
    before, after = yaml.safe_load(text), yaml.safe_load(path.read_text())
    assert after["repos"][:-1] == before["repos"]
    assert after["repos"][-1]["hooks"][0]["id"] == "dynadvise"
    assert plan_setup(tmp_path, ci=False).changes == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool"),
        (".pre-commit-config.yaml", "repos: [a"),
        (".pre-commit-config.yaml", "repos: {}\n"),
        (".pre-commit-config.yaml", "repos: [{repo: local, hooks: []}]\n"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path, monkeypatch, name, text):
    (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    result = init("--yes")
    assert isinstance(result.exception, ConfigurationError) or result.exit_code == 2
    assert files(tmp_path) == {name: text}


def test_a_file_that_changed_after_it_was_shown_is_not_overwritten(project):
    plan = plan_setup(project, ["shop:job"])
    (project / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(ConfigurationError, match="changed meanwhile"):
        carry_out(plan)
    assert not (project / ".github").exists()


def test_the_hook_for_others_runs_what_init_writes():
    from pathlib import Path

    hooks = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
    assert hooks[0]["entry"] == "dynadvise check --static"
    assert hooks[0]["pass_filenames"] is False


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib reads the result back")
def test_line_ends_of_another_system_stay(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b'[project]\r\nname = "a"\r\n')
    carry_out(plan_setup(tmp_path, ["a:b"], ci=False, pre_commit=False))
    assert (tmp_path / "pyproject.toml").read_bytes().startswith(b'[project]\r\nname = "a"\r\n')


FANS_OUT = """\
from dagster import Definitions, DynamicOut, DynamicOutput, job, op

@op(out=DynamicOut())
def split():
    yield DynamicOutput(1, mapping_key="a")

@op
def each(item):
    return item

@job
def nightly():
    split().map(each)

@op
def alone():
    return 1

@job
def plain():
    alone()

defs = Definitions(jobs=[nightly, plain])
"""


def test_without_a_target_the_projects_own_fan_outs_are_offered(project):
    (project / "definitions.py").write_text(FANS_OUT)
    shown = init("--dry-run", "--no-ci", "--no-pre-commit")
    assert shown.exit_code == 0, shown.output
    assert '+targets = ["definitions:nightly"]' in shown.output
    assert "plain" not in shown.output
    assert "No target yet" not in shown.output


def test_a_project_of_uv_stays_one(project):
    (project / "uv.lock").write_text("version = 1\n")
    assert init("shop:job", "--yes").exit_code == 0
    hook = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"][-1]
    assert hook["hooks"][0]["entry"] == "uv run dynadvise check --static"
    workflow = yaml.safe_load((project / ".github/workflows/dynadvise.yml").read_text())
    steps = workflow["jobs"]["check"]["steps"]
    assert [step.get("run", "").split(" --base")[0] for step in steps[2:]] == [
        "uv sync",
        "uv run dynadvise check",
    ]
    assert "setup-uv" in steps[1]["uses"]


def test_a_dependency_outside_the_repository_is_named(project):
    source = '\n[tool.uv.sources]\nlake = { path = "../lake" }\n'
    (project / "pyproject.toml").write_text(PYPROJECT + source)
    shown = init("shop:job", "--dry-run")
    assert "lake: a path outside the repository" in shown.output
    assert "uv add --dev dynadvise" in shown.output


def test_a_project_in_a_folder_of_its_repository_is_set_up_where_github_reads(project, monkeypatch):
    (project / ".git").mkdir(exist_ok=True)
    app = project / "apps" / "shop"
    app.mkdir(parents=True)
    (project / "lake").mkdir()
    source = (
        '\n[tool.uv.sources]\nlake = { path = "../../lake" }\nsea = { path = "../../../sea" }\n'
    )
    (app / "pyproject.toml").write_text(PYPROJECT + source)
    monkeypatch.chdir(app)
    done = init("shop:job", "--yes")
    assert done.exit_code == 0, done.output
    assert "sea: a path outside the repository" in done.output
    job = yaml.safe_load((project / ".github/workflows/dynadvise.yml").read_text())["jobs"]["check"]
    assert job["defaults"] == {"run": {"working-directory": "apps/shop"}}
    hook = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"][-1]["hooks"][
        0
    ]
    assert hook["entry"] == "bash -c 'cd apps/shop && uv run dynadvise check --static'"
    assert not (app / ".github").exists()


def test_requirements_are_installed_beside_the_package(project):
    (project / ".git").mkdir(exist_ok=True)
    (project / "requirements.txt").write_text("dagster\n-e ../lake\n-e ./inner\n")
    done = init("shop:job", "--yes")
    assert "../lake: a path outside the repository" in done.output
    assert "./inner" not in done.output
    workflow = (project / ".github/workflows/dynadvise.yml").read_text()
    assert "pip install --requirement requirements.txt --editable . dynadvise" in workflow
