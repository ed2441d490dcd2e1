"""Every command that is printed runs as it is printed, with all that loads the target again."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from factories import make_advice, make_host_profile, make_prediction, make_saved_profile

from advisor import store
from advisor.api.discovering import discover_target
from advisor.cli import cli
from advisor.dagster_bridge.target import parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.options import WorkloadOptions
from advisor.domain.trial import Trial
from advisor.explanation.next_measurement import next_measurement
from advisor.model.search import SearchResult

JOB = """
from dagster import Definitions, DynamicOut, DynamicOutput, job, multiprocess_executor, op

@op(out=DynamicOut(), config_schema={"count": int})
def split(context):
    for number in range(context.op_config["count"]):
        yield DynamicOutput(number, mapping_key=str(number))

@op
def work(number):
    return number

def settings(**given):
    return {"start_method": {"forkserver": given}, "max_concurrent": 64}

crowded = multiprocess_executor.configured(settings(preload_modules=["no_such_module"]))

@job(executor_def=crowded)
def first():
    split().map(work)

@job(executor_def=multiprocess_executor.configured(settings()))
def second():
    split().map(work)

@op
def lone(number):
    return number

def numbers():
    return [1, 2, 3]

defs = Definitions(jobs=[first, second])
"""
PRINTED = re.compile(r"dynadvise (?:profile|verify|emit|recommend|check|report|predict) [^`\n]*")
CONFIG = "ops: {split: {config: {count: 2}}}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose code lies in a folder with a space, away from where the user types."""
    (tmp_path / "my code").mkdir()
    (tmp_path / "my code" / "printed_shop.py").write_text(JOB)
    (tmp_path / "run.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path


def save(project: Path, target: str, job: str | None, **named: Path) -> None:
    """A profile, made up but for its description, whose advice asks for another measurement."""
    reference = parse_target(target, job=job, working_directory=project / "my code")
    run_config = {"ops": {"split": {"config": {"count": 2}}}} if job else None
    asked = WorkloadOptions(target, job, **named)
    description = discover_target(reference, run_config, asked).description
    other = make_prediction(Candidate("execute_job", "multiprocess", "spawn", max_concurrent=2))
    advice = make_advice(target=target, config_only=other, current=None)
    host = make_host_profile()
    host = replace(host, facts=replace(host.facts, dagster_version="1.12.0"))
    store.write(
        make_saved_profile(description=description, advice=advice, host=host),
        project / "profiles",
    )


def printed_by(*arguments: str) -> set[str]:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code in (0, 1, 2), done.output
    whole = re.sub(r"(?<=\S)\n +(?=\S)", " ", done.stdout + done.stderr)
    return {text.strip().rstrip(".;") for text in PRINTED.findall(whole)}


def run(command: str) -> None:
    """The command as it is printed; one that would measure tells what it would do."""
    assert command.startswith("dynadvise ")
    arguments = shlex.split(command)[1:]
    dry = ["--dry-run"] if arguments[0] in {"profile", "verify"} else []
    done = CliRunner().invoke(cli, [*arguments, *dry])
    assert done.exit_code == 0, f"{command}\n{done.output}"


def test_every_printed_command_of_a_job_runs_as_printed(project):
    save(project, "printed_shop", "second", run_config=Path("run.yaml"))
    code = ("-d", "my code", "--run-config", "run.yaml")
    commands = printed_by("recommend", "printed_shop:second")
    commands |= printed_by("emit", "printed_shop:second", "--as", "run-config")
    check = ("check", "--static", "--details", "printed_shop", *code)
    commands |= printed_by(*check, "--job", "second") | printed_by(*check, "--job", "first")

    assert {command.split()[1] for command in commands} >= {"profile", "emit"}
    assert any("--job first" in command for command in commands)
    assert any("--emit run-config" in command for command in commands)
    for command in commands:
        run(command)


def probe_of(saved):
    way = replace(make_prediction(), trial=Trial.NOT_TRIED)
    best = make_prediction()
    result = SearchResult(best, best, None, None, (best,), (), tie=False, untried=way)
    return next_measurement(result, saved, None).command


def test_what_a_command_needs_to_load_the_target_is_in_it(project):
    reference = parse_target("printed_shop:lone", working_directory=project / "my code")
    asked = WorkloadOptions("printed_shop:lone", inputs="printed_shop:numbers")
    discovery = discover_target(reference, None, asked)
    saved = make_saved_profile(description=discovery.description)

    command = probe_of(saved)
    assert shlex.split(command)[2:] == [
        "printed_shop:lone", "-d", str(project / "my code"),
        "--inputs", "printed_shop:numbers", "--budget", "120",
    ]  # fmt: skip
    run(command)


@pytest.mark.parametrize(("cost_s", "budget"), [(10.0, "120"), (180.5, "361")])
def test_the_budget_that_is_advised_is_more_than_what_was_spent(cost_s, budget):
    saved = make_saved_profile()
    saved = replace(saved, workload=replace(saved.workload, cost_s=cost_s))

    assert shlex.split(probe_of(saved))[-2:] == ["--budget", budget]


def test_the_hint_for_missing_inputs_names_the_whole_target(project):
    done = CliRunner().invoke(cli, ["profile", "printed_shop:lone", "-d", "my code"])

    (command,) = re.findall(r"dynadvise profile printed_shop:lone .*?--inputs \S+", done.output)
    (project / "items.json").write_text("[1, 2]")
    run(command)
