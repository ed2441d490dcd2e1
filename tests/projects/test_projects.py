"""Each kind of project, from `dynadvise list` in its folder to the pasted code in a run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from dagster import DagsterInstance
from factories import make_description, make_saved_profile
from projects import HERE, PROJECTS, Workload

from advisor import store
from advisor.cli import cli
from advisor.dagster_bridge.target import parse_target, reconstructable_job


def dynadvise(*arguments: object) -> str:
    outcome = CliRunner().invoke(cli, list(map(str, arguments)))
    assert outcome.exit_code == 0, outcome.output + outcome.stderr
    return outcome.stdout


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.folder)
def test_list_names_the_commands(project: Workload, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(project.path)
    arguments = [project.listed] if project.listed else []
    listing = json.loads(dynadvise("list", *arguments, "--profiles", tmp_path, "--format", "json"))
    (location,) = listing["locations"]
    assert location["error"] is None
    found = location["workloads"]
    assert [each["command"] for each in found] == [
        f"dynadvise profile {command}" for command in project.commands
    ]
    assert tuple(len(each["mapped_ops"]) for each in found) == project.mapped
    # A graph whose resources no job gives cannot be measured as it is.
    assert [bool(each["obstacle"]) for each in found] == [ops == 0 for ops in project.mapped]


@pytest.mark.parametrize(
    ("folder", "target"),
    [
        ("scheduled_mail", []),
        ("scheduled_mail", ["."]),
        ("scheduled_mail", ["mail"]),
        ("asset_orders", ["orders.definitions"]),
        ("asset_orders/orders", []),
        (".", ["scheduled_mail"]),
        (".", ["asset_orders/orders"]),
    ],
)
def test_profile_without_a_workload_is_answered_with_the_list(
    folder: str, target: list[str], monkeypatch
) -> None:
    monkeypatch.chdir(HERE / folder)
    shown = dynadvise("profile", *target)
    named = "mail.definitions:mail_job" if "mail" in folder + str(target) else "orders_scored"
    assert f"dynadvise profile {named}" in shown or f":{named}" in shown
    assert "executor" in shown


@pytest.mark.parametrize(
    ("listed", "prefix"), [("shop", "shop."), ("shop/", "shop."), ("scripts", "scripts/")]
)
def test_what_lies_in_a_folder_or_package_is_listed(listed, prefix, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    code = (HERE / "two_fan_outs" / "definitions.py").read_text()
    folder = tmp_path / prefix.strip("./")
    folder.mkdir()
    if prefix == "shop.":
        (folder / "__init__.py").touch()
    (folder / "training.py").write_text(code)
    (folder / "plain.py").write_text("import json\n")
    listing = json.loads(dynadvise("list", listed, "--format", "json"))
    (location,) = listing["locations"]
    (found,) = location["workloads"]
    ending = "" if prefix == "shop." else ".py"
    assert found["command"] == f"dynadvise profile {prefix}training{ending}:training_job"


def test_past_runs_and_profiles_are_seen(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(HERE / "two_fan_outs")
    target = parse_target("definitions.py:training_job")
    home = tmp_path / "home"
    home.mkdir()
    with DagsterInstance.from_config(str(home)) as instance:
        reconstructable_job(target).get_definition().execute_in_process(instance=instance)
    description = replace(make_description(), target=target)
    path = store.write(make_saved_profile(description=description), tmp_path)
    options = ("--profiles", tmp_path, "--instance", home)
    listing = json.loads(dynadvise("list", "definitions.py", *options, "--format", "json"))
    (found,) = listing["locations"][0]["workloads"]
    assert (found["profile"], found["runs"]) == (str(path), 1)


def test_what_cannot_be_loaded_or_found_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.py").write_text("import dagster\n")
    failed = CliRunner().invoke(cli, ["list"])
    assert failed.exit_code == 2
    assert CliRunner().invoke(cli, ["list", "."]).exit_code == 0
    (tmp_path / "definitions.py").write_text("1 / 0\n")
    shown = CliRunner().invoke(cli, ["list"])
    assert shown.exit_code == 2
    assert "ZeroDivisionError" in shown.stdout
    assert "definitions.py:1" in "".join(shown.stdout.split())
