"""What the user set of the executor stays in every snippet, wherever it was set."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import yaml
from dagster import validate_run_config
from emission import JOBS, load_source, multiprocess_run, request_for, ruff_complaints

from advisor.api.runnable import executor_run_config
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.emit import emit

WARM_4 = Candidate("execute_job", "multiprocess", "forkserver", ("sqlalchemy",), 4)
IN_PROCESS = Candidate("execute_job", "in_process")
BATCHES = replace(WARM_4, batch_size=2)
MODULE = "emit_limited_jobs"
OWN = {
    "tag_concurrency_limits": [{"key": "service", "value": "prices", "limit": 1}],
    "retries": {"disabled": {}},
    "step_dependency_config": {"require_upstream_step_success": False},
}
FILE = {"execution": {"config": {"multiprocess": OWN}}}
# Place to the target and what --run-config gives.
PLACES = {
    "configured(...)": (f"{MODULE}:configured", None),
    "the job's config": (f"{MODULE}:in_config", None),
    "the config of its own executor": (f"{MODULE}:by_executor", None),
    "a run config file": (f"{MODULE}:by_file", FILE),
    "the executor of the Definitions": (f"{MODULE}:defs", None),
}
IN_PROCESS_OWN = {key: value for key, value in OWN.items() if key != "tag_concurrency_limits"}


def placed(place):
    target, given = PLACES[place]
    options = {"job": "by_definitions"} if target.endswith(":defs") else {}
    loaded = load_target(parse_target(target, working_directory=JOBS, **options))
    return loaded.job, describe(loaded, given)


def emitted(kind, description, candidate):
    return emit(kind, request_for(description, candidate))


def executor_part(text):
    config = (yaml.safe_load(text) or {}).get("execution", {}).get("config", {})
    return config.get("multiprocess", config.get("in_process", config))


def of_module(text, name, folder):
    return getattr(load_source(text, "emitted_own", folder), name)


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_read(place):
    _, description = placed(place)

    assert description.executor.user_config == OWN
    assert list(description.executor.tag_concurrency_limits) == OWN["tag_concurrency_limits"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("candidate", [WARM_4, IN_PROCESS], ids=["multiprocess", "in_process"])
def test_run_config_keeps_them_and_dagster_takes_it(place, candidate):
    job, description = placed(place)

    text = emitted("run-config", description, candidate)

    validate_run_config(job, yaml.safe_load(text) or {})
    setting, in_process = description.executor, candidate is IN_PROCESS
    path = setting.in_process_config_path if in_process else setting.config_path
    kept = executor_part(text)
    expected = IN_PROCESS_OWN if in_process else OWN
    assert {k: v for k, v in kept.items() if k in OWN} == (expected if path else {})
    if path:
        given = executor_run_config(candidate, setting, {})
        assert given == {k: v for k, v in yaml.safe_load(text).items() if k == "execution"}
        validate_run_config(job, given)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("kind", "name", "candidate"),
    [
        ("python", "EXECUTOR_CONFIG", WARM_4),
        ("environments", "EXECUTOR_CONFIG", WARM_4),
        ("environments", "TEST", WARM_4),
        ("batch", "EXECUTOR_CONFIG", BATCHES),
        ("async", "EXECUTOR_CONFIG", replace(WARM_4, executor="async", start_method=None)),
    ],
)
def test_every_module_keeps_them(place, kind, name, candidate, tmp_path):
    if kind == "async":
        pytest.importorskip("dagster_async_executor")
    _, description = placed(place)
    if kind == "async":
        mapped = tuple(replace(op, is_async=True) for op in description.mapped)
        description = replace(description, mapped=mapped)

    config = of_module(emitted(kind, description, candidate), name, tmp_path)

    assert {key: value for key, value in config.items() if key in OWN} == OWN


@pytest.mark.parametrize("kind", ["python", "environments", "batch", "workers"])
def test_in_process_keeps_what_it_takes(kind, tmp_path):
    _, description = placed("the job's config")
    threads = replace(IN_PROCESS, batch_size=4, workers_in_op=2, worker_kind="thread")
    candidate = threads if kind in ("batch", "workers") else IN_PROCESS

    config = of_module(emitted(kind, description, candidate), "EXECUTOR_CONFIG", tmp_path)

    assert config == IN_PROCESS_OWN


def test_what_an_in_process_job_set_is_kept_by_several_processes():
    loaded = load_target(parse_target(f"{MODULE}:in_process", working_directory=JOBS))

    text = emitted("python", describe(loaded), WARM_4)

    assert '"retries": {' in text
    assert '"disabled": {}' in text


def test_a_run_of_the_emitted_job_honours_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_ENVIRONMENT", "prod")
    _, description = placed("the job's config")
    job = of_module(emitted("environments", description, WARM_4), "job_here", tmp_path)

    spans, _ = multiprocess_run(job, "merge", tmp_path)

    ordered = sorted(tuple(span) for span in spans)
    assert len(ordered) == 4
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ordered))


def test_a_batch_has_the_tags_of_the_ops_that_it_runs(tmp_path):
    _, description = placed("the job's config")

    job = of_module(emitted("batch", description, BATCHES), "in_config_batched", tmp_path)

    node = next(node for node in job.graph.nodes if node.name == "asked")
    assert node.tags["service"] == "prices"


def test_dagster_yaml_says_that_its_own_limits_count_runs():
    _, description = placed("the job's config")

    text = " ".join(emitted("dagster-yaml", description, WARM_4).replace("#", "").split())

    assert "count runs, not the steps of a run" in text


def test_the_keys_of_an_executor_whose_values_are_not_read_are_named(tmp_path):
    _, description = placed("the job's config")
    setting = replace(description.executor, executor="k8s", other_keys=("job_image", "env_secrets"))
    candidate = replace(WARM_4, executor="k8s", start_method=None, preload_modules=())

    text = emitted("python", replace(description, executor=setting), candidate)

    assert "job_image, env_secrets" in text
    assert '"retries": {' in text


def test_what_configured_fixes_is_not_put_into_run_config():
    _, description = placed("configured(...)")

    with pytest.raises(DynadviseError, match="fixes its executor"):
        executor_run_config(WARM_4, description.executor, {})


def test_modules_with_own_settings_are_as_ruff_formats_them(tmp_path):
    _, description = placed("the job's config")
    for number, (kind, candidate) in enumerate(
        [
            ("python", WARM_4),
            ("python", IN_PROCESS),
            ("environments", WARM_4),
            ("environments", IN_PROCESS),
            ("batch", BATCHES),
            ("batch", replace(BATCHES, executor="in_process", start_method=None)),
        ]
    ):
        (tmp_path / f"m{number}.py").write_text(emitted(kind, description, candidate))

    assert not ruff_complaints(tmp_path, "--config", f"src = ['{JOBS}']")
