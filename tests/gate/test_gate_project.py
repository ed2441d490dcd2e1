"""The gate on a git project, whole: command line, worktree of the base, processes, every report.

Only the seconds are not this machine's. They are recorded ones of real ops (``replayed``), put in
where the gate times a process, so that the verdict is the same on a machine that is busy.
"""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner
from gate_project import COMPUTE, CONFIG, TRANSFER, commit, edit, git, make_project, slow_down
from replayed import FIXTURES, TUNING, read, slowed

import advisor.api.check as check_module
from advisor.cli import cli


class Timings:
    """Really surveys; gives recorded seconds, head's of some ops times a factor."""

    executions = 0

    def __init__(self, measurer, recording, factors):
        self.survey = measurer.survey
        self._pairs = {op: recording.pairs((op,)) for op in recording.ops}
        self._factors = factors

    def time_pair(self, ops, number, order):
        # Of the crowded machine there is one op; its timings do for all.
        recorded = {op: op if op in self._pairs else next(iter(self._pairs)) for op in ops}
        timed = {op: self._pairs[name][number][name] for op, name in recorded.items()}
        return {
            "base": {op: base for op, (base, _) in timed.items()},
            "head": {
                op: slowed(head, self._factors.get(op, 1.0)) for op, (_, head) in timed.items()
            },
        }


@pytest.fixture
def gate(monkeypatch):
    """Run ``dynadvise check --base main`` on recorded timings."""
    real = check_module.RealSurroundings
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    def run(folder, *arguments, factors=None, recording=TUNING):
        class Around(real):
            def measurer(self, *request):
                return Timings(super().measurer(*request), read(recording), factors or {})

        monkeypatch.setattr(check_module, "RealSurroundings", Around)
        monkeypatch.chdir(folder)
        result = CliRunner().invoke(cli, ["check", "--base", "main", *arguments])
        assert git(folder, "worktree", "list").count("\n") == 1
        return result

    return run


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "a shop")  # paths with spaces are usual on some systems


def test_no_change_passes(gate, project):
    result = gate(project, COMPUTE, "--strict")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("PASS: 1 target, 2 ops against main")
    assert [line.split()[:2] for line in result.stdout.splitlines() if " PASS " in line] == [
        ["score", "PASS"],
        ["rank", "PASS"],
    ]
    assert git(project, "status", "--short") == ""


def test_half_as_slow_again_fails_with_op_place_and_figures(gate, project, monkeypatch):
    slow_down(project, "score", 1.5)
    summary = project / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = gate(project, COMPUTE, "--format", "github", factors={"score": 1.5})
    assert result.exit_code == 1, result.output
    errors = [line for line in result.stdout.splitlines() if line.startswith("::error file=")]
    (error,) = errors
    line = 1 + (project / "shop.py").read_text().splitlines().index("def score(region):")
    assert f"file=shop.py,line={line - 1}," in error  # the decorator's
    assert "`score` became slower: +" in error
    assert "the limit is +10 %" in error
    assert "`rank` became" not in result.stdout
    assert "DYN101" in summary.read_text()


def test_ten_percent_slower_fails_at_a_limit_of_five_percent(gate, project):
    """On a detached head, as in CI; the change is committed."""
    slow_down(project, "rank", 1.1)
    git(project, "checkout", "--quiet", "--detach")
    commit(project, "sort a little more")
    arguments = (COMPUTE, "--max-regression", "5%", "--format")
    result = gate(project, *arguments, "json", factors={"rank": 1.1})
    assert result.exit_code == 1, result.output
    timings = {t["op"]: t for t in json.loads(result.stdout)["targets"][0]["timings"]}
    assert timings["rank"]["verdict"] == "FAIL"
    assert 1.05 < timings["rank"]["ratio"] < 1.15
    assert timings["rank"]["low"] > 1.0
    assert timings["rank"]["pairs"] <= 20
    assert timings["score"]["verdict"] != "FAIL"


def test_a_config_made_wrong_fails_and_the_printed_one_passes(gate, tmp_path):
    """The profile is a real one of this project, committed with it."""
    project = make_project(tmp_path / "shop", "execution: {config: {in_process: {}}}\n")
    host = json.loads((FIXTURES / "transfer_job_profile.json").read_text())["host"]["facts"]["id"]
    (project / "profiles" / host).mkdir(parents=True)
    saved = project / "profiles" / host / f"{TRANSFER.replace(':', '--')}.json"
    shutil.copy(FIXTURES / "transfer_job_profile.json", saved)
    commit(project, "profile")
    wrong = "execution: {config: {multiprocess: {max_concurrent: 2, start_method: {spawn: {}}}}}\n"
    (project / CONFIG).write_text(wrong)

    result = gate(project, TRANSFER, "--format", "json")
    assert result.exit_code == 1, result.output
    (target,) = json.loads(result.stdout)["targets"]
    assert {timing["verdict"] for timing in target["timings"]} == {"PASS"}
    (regret,) = [f for f in target["findings"] if f["code"] == "DYN105"]
    assert "multiprocess, spawn, max_concurrent 2" in regret["message"]
    assert "the limit is 15 %" in regret["message"]

    snippet = regret["remedy"].partition("\n")[2]
    assert snippet.lstrip("# ")
    (project / CONFIG).write_text(snippet)
    assert gate(project, TRANSFER, "--strict").exit_code == 0


def test_an_op_that_raises_is_not_passed(gate, project):
    edit(project, r"    return float\(values\[0\]\)", "    return float(values[RANK])")
    result = gate(project, COMPUTE, "--format", "junit")
    assert result.exit_code == 2
    assert "op 'rank' on item 0 raised IndexError at" in result.stdout
    assert "could not decide (COULD NOT MEASURE)" in result.stderr


def test_a_machine_too_crowded_to_tell(gate, project):
    crowded = FIXTURES / "crowded_machine_pairs.json"
    result = gate(project, COMPUTE, recording=crowded)
    assert result.exit_code == 0
    assert result.stdout.startswith("INCONCLUSIVE")
    assert "pairs would decide: --pairs " in result.stdout
    assert "--strict makes this exit with 3" in result.stderr
