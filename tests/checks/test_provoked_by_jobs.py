"""Each warning once, provoked by a job, a script or an instance, and told by ``check --static``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from factories import make_advice, make_host_profile, make_prediction, make_saved_profile

from advisor.domain.candidate import Candidate
from advisor.domain.options import CheckOptions
from advisor.gate.inspection import inspect_targets
from advisor.measure.machine import host_facts
from advisor.rules.rule import rules
from advisor.store import write

JOBS = """
import itertools

from dagster import (
    DynamicOut, DynamicOutput, JobDefinition, Permissive, executor, graph, mem_io_manager,
    multiprocess_executor, op,
)


@op(out=DynamicOut())
def split():
    yield DynamicOutput(1, mapping_key="a")


@op
def work(chunk):
    return chunk


@op(pool="db")
def query(chunk):
    return chunk


@executor(name="dask", config_schema={"cluster": str})  # required, as dagster-dask's own
def dask_executor(_):
    raise NotImplementedError


@executor(name="k8s", config_schema=Permissive())
def k8s_executor(_):
    raise NotImplementedError


@executor(name="docker", config_schema=Permissive())
def docker_executor(_):
    raise NotImplementedError


@executor(name="celery", config_schema=Permissive())
def celery_executor(_):
    raise NotImplementedError


@graph
def fan_out():
    split().map(work)


@graph
def querying():
    split().map(query)


@op(out=DynamicOut())
def split_again(chunk):
    yield DynamicOutput(chunk, mapping_key="b")


@graph
def for_one(chunk):
    split_again(work(chunk)).map(work.alias("again"))


@graph
def tagging():
    split().map(work.tag({"team": "sales"}))


@graph
def ordering():
    split().map(work.tag({"dagster/priority": "1"}))


@graph
def fan_out_twice():
    split().map(for_one)


def config(**given):
    return {"execution": {"config": {"max_concurrent": 1, **given}}}


def made(name, graph=fan_out, config=config(), **options):
    options.setdefault("executor_def", multiprocess_executor)
    return graph.to_job(name=name, config=config, **options)


sound = made("sound")
dask = made("dask", executor_def=dask_executor, config=None)
fixed = made(
    "fixed", executor_def=multiprocess_executor.configured({"max_concurrent": 1}), config=None
)
unset = made("unset", config=None)
pooled = made("pooled", querying)
retried = made("retried", tags={"dagster/max_retries": "2"})
in_memory = made("in_memory", resource_defs={"io_manager": mem_io_manager})
preloading = made(
    "preloading",
    config=config(start_method={"forkserver": {"preload_modules": ["no_such_module"]}}),
)
crowded = made("crowded", config=config(max_concurrent=64))
heavy = made("heavy")
unpreloaded = made("unpreloaded", config=config(start_method={"forkserver": {}}))
nested = made("nested", fan_out_twice)
tagged = made(
    "tagged",
    tagging,
    config=config(max_concurrent=2, tag_concurrency_limits=[{"key": "team", "limit": 1}]),
)
pods = made(
    "pods", executor_def=k8s_executor, config=None, tags={"dagster-k8s/config": {"job_config": {}}}
)
quota = made(
    "quota",
    executor_def=k8s_executor,
    config=config(
        max_concurrent=50,
        volumes=[{"name": "shared"}],
        step_k8s_config={"container_config": {"resources": {"requests": {"cpu": "500m"}}}},
    ),
)
boxes = made(
    "boxes",
    executor_def=docker_executor,
    config=config(container_kwargs={"memory": "1g", "auto_remove": True}),
)
urgent = made("urgent", ordering, executor_def=celery_executor, config=None)
numbers = itertools.count()


def changing() -> JobDefinition:
    @graph(name="changing")
    def anew():
        split().map(work.alias(f"work_{next(numbers)}"))

    return anew.to_job()
"""

SCRIPT = """
import os

from dagster import DagsterInstance, execute_job, reconstructable
from provoking import made

scripted = made("scripted")
if os.environ.get("RUN_IT"):
    execute_job(reconstructable(scripted), instance=DagsterInstance.get())
"""

CLUSTER = """
[tool.dynadvise.clusters.prod]
executor = "k8s"
quota = { cpu = 4 }
run-pod = { cpu = 2 }
db-connections = 40
"""

PROVOKED = {
    "provoking:sound": set(),
    "provoking:dask": {"DYN001"},
    "provoking:fixed": {"DYN002"},
    "provoking:unset": {"DYN003", "DYN034"},
    "provoking:pooled": {"DYN004"},
    "provoking:retried": {"DYN005"},
    "scripted:scripted": {"DYN006"},
    "provoking:changing": {"DYN003", "DYN007", "DYN034"},
    "provoking:in_memory": {"DYN008"},
    "provoking:preloading": {"DYN009"},
    "provoking:crowded": {"DYN010"},
    "provoking:unpreloaded": {"DYN012"},
    "provoking:nested": {"DYN020"},
    "provoking:tagged": {"DYN013"},
    "provoking:pods": {"DYN030", "DYN031", "DYN038"},
    "provoking:quota": {"DYN032", "DYN040"},
    "provoking:boxes": {"DYN035", "DYN036", "DYN038"},
    "provoking:urgent": {"DYN037", "DYN038"},
    "provoking:heavy": {"DYN011", "DYN021", "DYN022", "DYN023", "DYN024"},
}

ON_ONE_CPU = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from advisor.cli import main
main()
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("concurrency:\n  pools:\n    granularity: run\n")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "provoking.py").write_text(JOBS)
    (folder / "scripted.py").write_text(SCRIPT)
    (folder / "pyproject.toml").write_text(CLUSTER)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_MULTIPROCESS_EXECUTOR_MAX_CONCURRENT", "5")
    return folder


def commit_profile(folder):
    """A profile of another machine, Dagster and code, by which the job wants too much memory."""
    options = CheckOptions(targets=("provoking:heavy",), static=True)
    described = inspect_targets(options)[0].description
    (op,) = described.mapped
    older = replace(
        described, mapped=(replace(op, reference=replace(op.reference, source_hash="older")),)
    )
    own = Candidate("execute_job", "multiprocess", "spawn", max_concurrent=1)
    warm = Candidate("execute_job", "multiprocess", "forkserver", ("dagster",), 8)
    current = make_prediction(own, 14.3, peak_memory_bytes=2**48)
    advised = make_prediction(warm)
    advice = make_advice(
        current=current,
        config_only=advised,
        recommendation=advised,
        candidates=(advised, current),
    )
    host = make_host_profile()
    host = replace(host, facts=replace(host.facts, dagster_version="1.12.0"))
    write(make_saved_profile(description=older, advice=advice, host=host), folder / "profiles")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_each_warning_is_told_of_the_job_that_provokes_it(project):
    assert host_facts().cpu_count >= 1
    commit_profile(project)

    done = subprocess.run(
        [sys.executable, "-c", ON_ONE_CPU, "check", "--static", "--format", "json", *PROVOKED],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip

    assert done.stdout, done.stderr
    told = {
        target["target"]: {finding["code"] for finding in target["findings"]}
        for target in json.loads(done.stdout)["targets"]
    }
    assert told == PROVOKED, done.stderr
    # In test_obstacles.py, test_static_rules.py and test_helm.py: an instance, a pod, Helm values.
    of_the_instance = {"DYN025", "DYN033", "DYN039", "DYN041"}
    assert (
        set().union(*PROVOKED.values())
        >= {code for code in rules() if code.startswith("DYN0")} - of_the_instance
    )
    for target in json.loads(done.stdout)["targets"]:
        for finding in target["findings"]:
            assert finding["message"]
            assert finding["remedy"]
