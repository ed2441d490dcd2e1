"""The facts that the rules judge are read from real jobs and real instances."""

from __future__ import annotations

import sqlite3
import sys
from dataclasses import replace
from textwrap import dedent

import pytest
from dagster import DagsterInstance

from advisor.dagster_bridge.job_facts import instance_facts, job_facts, unguarded_call
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.cluster import Cluster
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.static import run_checks

JOB = """
from dagster import (
    DynamicOut, DynamicOutput, Definitions, InMemoryIOManager, job, mem_io_manager,
    multiprocess_executor, op,
)

@op(out=DynamicOut())
def split():
    yield DynamicOutput(1, mapping_key="a")

@op
def process(chunk):
    return chunk

@job({arguments})
def checked_job():
    split().map(process)
"""

PRELOADING = {
    "execution": {
        "config": {"start_method": {"forkserver": {"preload_modules": ["no_such_module"]}}}
    }
}


def facts_of(arguments, tmp_path, monkeypatch):
    name = "checked_" + str(abs(hash(arguments)))
    (tmp_path / f"{name}.py").write_text(dedent(JOB).format(arguments=arguments), encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    reference = parse_target(f"{name}:checked_job", working_directory=tmp_path)
    loaded = load_target(reference)
    description = describe(loaded)
    return CheckFacts(description, job=job_facts(loaded, description))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('resource_defs={"io_manager": mem_io_manager}', "DYN008"),
        ('tags={"dagster/max_retries": "2"}', "DYN005"),
        ('executor_def=multiprocess_executor.configured({"max_concurrent": 2})', "DYN002"),
        (
            f"executor_def=multiprocess_executor, config={PRELOADING!r}",
            "DYN009",
        ),
    ],
)
def test_a_real_job_provokes_the_rule(arguments, code, tmp_path, monkeypatch):
    facts = facts_of(arguments, tmp_path, monkeypatch)

    assert code in [finding.code for finding in run_checks(facts)]


def test_a_plain_job_provokes_none(tmp_path, monkeypatch):
    assert run_checks(facts_of("", tmp_path, monkeypatch)) == ()


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from dagster import execute_job\nexecute_job(job)\n", 2),
        ("import dagster\nif True:\n    dagster.execute_job(job)\n", 3),
        ("def main():\n    execute_job(job)\n\nmain()\n", 4),
        ("with instance() as i:\n    execute_job(job)\n", 2),
        ("if __name__ == '__main__':\n    execute_job(job)\n", None),
        ("def main():\n    execute_job(job)\n\nif __name__ == '__main__':\n    main()\n", None),
        ("def main():\n    execute_job(job)\n", None),
        ("this is no python", None),
    ],
)
def test_execute_job_at_import_is_found_in_the_source(source, line, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(source, encoding="utf-8")

    found = unguarded_call(file)

    assert (found.line if found else None) == line


def test_instance_facts_hold_limits_granularity_and_retries(tmp_path):
    (tmp_path / "dagster.yaml").write_text(
        "concurrency:\n  pools:\n    granularity: run\n    default_limit: 7\n"
        "  runs:\n    tag_concurrency_limits: [{key: team, limit: 1}]\n"
        "run_retries:\n  enabled: true\n  max_retries: 3\n",
        encoding="utf-8",
    )
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.event_log_storage.set_concurrency_slots("db", 4)

    facts = instance_facts(tmp_path)

    assert facts.pool_limits == {"db": 4}
    assert facts.default_pool_limit == 7
    assert facts.pool_granularity == "run"
    assert facts.run_retries == 3
    assert facts.run_tag_limits == ("team",)
    assert facts.pools_known

    with sqlite3.connect(tmp_path / "history" / "runs" / "index.db") as database:
        database.execute("UPDATE concurrency_limits SET \"limit\" = 'text'")
    database.close()
    assert instance_facts(tmp_path).pool_limits == {}


def test_no_instance_has_no_facts(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    assert instance_facts() is None
    assert instance_facts(tmp_path / "absent") is None


def test_what_an_ops_own_pods_request_is_laid_beside_the_quota(tmp_path, monkeypatch):
    """Its tag is in no description, which is saved: values of tags may be secret."""
    requests = {"container_config": {"resources": {"requests": {"cpu": "4"}}}}
    tagged = JOB.replace(
        "@op\ndef process", f'@op(tags={{"dagster-k8s/config": {requests}}})\ndef process'
    )
    (tmp_path / "tagged_pods.py").write_text(tagged.replace("{arguments}", ""))
    monkeypatch.syspath_prepend(tmp_path)
    loaded = load_target(parse_target("tagged_pods:checked_job"))
    on_pods = ExecutorSetting("k8s", "k8s", max_concurrent=8)
    description = replace(describe(loaded), executor=on_pods)
    cluster = Cluster("prod", "k8s", cpu=8)
    facts = CheckFacts(description, job=job_facts(loaded, description), clusters=(cluster,))
    (fault,) = (each for each in run_checks(facts) if each.code == "DYN032")
    assert "8 steps of process in parallel request 32 CPU" in fault.message
