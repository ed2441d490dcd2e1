"""Jobs of which no figure is worth anything are refused before any of their ops runs."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from advisor.cli import cli
from advisor.dagster_bridge.instances import user_instance_kind
from advisor.dagster_bridge.job_facts import instance_facts
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.static import run_checks

JOBS = """
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, GraphOut, Out, Output, graph, job, op

@op(out=DynamicOut())
def outer():
    Path("it_ran").touch()
    yield from (DynamicOutput(n, mapping_key=f"o{n}") for n in range(2))

@op(out=DynamicOut())
def inner(n):
    yield from (DynamicOutput(m, mapping_key=f"i{m}") for m in range(2))

@op
def first(n):
    return n

@op
def work(n):
    return n

@op
def total(values):
    return values

@op(out={"a": Out(is_required=False), "b": Out(is_required=False)})
def branch(n):
    yield Output(n, "a" if n else "b")

@graph
def mapped(n):
    inner(first(n)).map(work)

@graph
def mapped_collected(n):
    total(inner(first(n)).map(work).collect())

@graph
def collected(n):
    total(inner(first(n)).collect())

@graph
def unused(n):
    inner(first(n))

@graph
def beside(n):
    outer.alias("another")().map(total)
    work(n)

@graph
def deeper(n):
    mapped(n)

@graph
def listed(n):
    a, b = branch(n)
    return total([first(a), work(b)])

def job_of(one_item, name):
    @job(name=name)
    def made():
        outer().map(one_item)
    return made

mapped_job = job_of(mapped, "mapped_job")
mapped_collected_job = job_of(mapped_collected, "mapped_collected_job")
collected_job = job_of(collected, "collected_job")
deeper_job = job_of(deeper, "deeper_job")
unused_job = job_of(unused, "unused_job")
beside_job = job_of(beside, "beside_job")
plain_job = job_of(work, "plain_job")
listed_job = job_of(listed, "listed_job")

@job
def second_job():
    outer().map(work)
    outer.alias("other")().map(mapped)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "nested_shapes.py").write_text(JOBS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("shape", "skipped"),
    {
        "mapped": {"mapped.work"},
        "mapped_collected": {"mapped_collected.work", "mapped_collected.total"},
        "collected": {"collected.total"},
        "deeper": {"deeper.mapped.work"},
        "second": {"mapped.work"},
        "unused": set(),
        "beside": set(),
        "plain": set(),
    }.items(),
)
def test_what_dagster_skips_is_known_before_anything_runs(project, shape, skipped):
    loaded = load_target(parse_target(f"nested_shapes.py:{shape}_job"))
    findings = run_checks(CheckFacts(describe(loaded)))
    run = loaded.job.execute_in_process(raise_on_error=False)

    really = {
        event.step_key.partition("[")[0]
        for event in run.all_events
        if event.event_type_value == "STEP_SKIPPED"
    }
    named = {handle for nested in describe(loaded).nested_fan_outs for handle in nested.skipped}
    assert run.success
    assert named == really == skipped
    assert [finding.code for finding in findings] == ["DYN020"] * bool(skipped)


@pytest.mark.parametrize("command", ["profile", "profile --dry-run", "verify --yes"])
def test_a_nested_fan_out_is_refused_before_any_op_runs(project, command):
    done = CliRunner().invoke(cli, [*command.split(), "nested_shapes.py:mapped_job"])

    assert done.exit_code == 2
    assert "DYN020: mapped.inner fans out" in done.stderr
    assert "nested_shapes.py:11" in done.stderr
    assert not (project / "it_ran").exists()


def test_a_plan_that_dagster_refuses_names_the_op_and_the_way_out(project):
    done = CliRunner().invoke(cli, ["profile", "nested_shapes.py:listed_job"])

    assert done.exit_code == 2
    assert "'listed.total' takes a list of outputs of steps that are mapped" in done.stderr
    assert "Unexpected dynamic output dependency in regular fan in" in done.stderr
    assert "Collect each of these outputs by itself" in done.stderr


def logs(loggers, level="INFO"):
    return f"python_logs:\n  managed_python_loggers: [{loggers}]\n  python_log_level: {level}\n"


@pytest.mark.parametrize(
    ("settings", "deadlocks"),
    [
        (logs("root"), ("root",)),
        (logs("shop, alembic.runtime", "debug"), ("alembic.runtime",)),
        (logs("shop"), ()),
        (logs("root", "WARNING"), ()),
        (logs("root") + "storage:\n  postgres: {}\n", ()),
    ],
)
def test_loggers_that_deadlock_sqlite_are_found_in_dagster_yaml(tmp_path, settings, deadlocks):
    (tmp_path / "dagster.yaml").write_text(settings)

    assert instance_facts(tmp_path).deadlocking_loggers == deadlocks


def test_no_time_is_predicted_for_a_job_that_can_wait_for_ever(project, monkeypatch):
    (project / "dagster.yaml").write_text(logs("root"))
    monkeypatch.setenv("DAGSTER_HOME", str(project))

    done = CliRunner().invoke(cli, ["profile", "nested_shapes.py:plain_job"])

    assert done.exit_code == 2
    assert "managed_python_loggers: [root]" in done.stderr
    assert "python_log_level: WARNING" in done.stderr
    assert not (project / "it_ran").exists()


def test_temporary_instances_do_not_take_over_what_deadlocks(tmp_path):
    (tmp_path / "dagster.yaml").write_text(logs("root, shop"))

    logs_of_ours = user_instance_kind(tmp_path).settings["python_logs"]
    assert logs_of_ours == {"managed_python_loggers": ["shop"], "python_log_level": "INFO"}
