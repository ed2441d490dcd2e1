"""The executor that a job resolves to; each config path checked by Dagster's own validation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dagster import (
    ConfigMapping,
    Permissive,
    executor,
    job,
    multi_or_in_process_executor,
    multiprocess_executor,
    op,
    validate_run_config,
)

from advisor.dagster_bridge.discovery import validate_run_config as validated
from advisor.dagster_bridge.executors import MAX_CONCURRENT_VARIABLE, executor_setting
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import TargetError

HERE = Path(__file__).parent


def loaded(name: str):
    where = name if ":" in name else f"bridge_shapes:{name}"
    return load_target(parse_target(where, working_directory=HERE))


def nested(path: tuple[str, ...], value: object) -> dict[str, object]:
    for key in reversed(path):
        value = {key: value}
    return value


@pytest.mark.parametrize(
    ("name", "path", "in_process_path"),
    [
        (
            "chain_job",
            ("execution", "config", "multiprocess"),
            ("execution", "config", "in_process"),
        ),
        ("processes_job", ("execution", "config"), None),
        ("inline_job", None, ("execution", "config")),
        ("fixed_job", None, None),
        ("fixed_default_job", None, None),
    ],
)
def test_where_config_goes_is_where_dagster_takes_it(name, path, in_process_path) -> None:
    job_definition = loaded(name).job
    setting = executor_setting(job_definition, None)
    assert (setting.config_path, setting.in_process_config_path) == (path, in_process_path)
    if path:
        config = nested(path, {"max_concurrent": 5, "start_method": {"forkserver": {}}})
        validate_run_config(job_definition, config)
        chosen = executor_setting(job_definition, config)
        assert (chosen.executor, chosen.max_concurrent) == ("multiprocess", 5)
        assert chosen.start_method == "forkserver"
    if in_process_path:
        config = nested(in_process_path, {"retries": {"enabled": {}}})
        validate_run_config(job_definition, config)
        assert executor_setting(job_definition, config).executor == "in_process"


def test_what_configured_fixes_is_said_and_run_config_really_is_ignored() -> None:
    for name, fixed, at_once in (
        ("fixed_job", ("max_concurrent",), 3),
        ("fixed_default_job", ("max_concurrent", "start_method"), 6),
    ):
        job_definition = loaded(name).job
        ignored = {"execution": {"config": {"max_concurrent": 9}}}
        validate_run_config(job_definition, ignored)
        setting = executor_setting(job_definition, ignored)
        assert set(setting.fixed_by_code) == set(fixed)
        assert setting.max_concurrent == at_once


@pytest.mark.parametrize(
    ("executor", "path"),
    [
        (multiprocess_executor, ("execution", "config")),
        (multi_or_in_process_executor, ("execution", "config", "multiprocess")),
    ],
)
def test_defaults_that_run_config_overrides_are_not_fixed(executor, path) -> None:
    """The form that we advise: a function that hands on what run config sets."""
    inner = {"max_concurrent": 3}
    defaults = {"multiprocess": inner} if path[-1] == "multiprocess" else inner
    configured = executor.configured(lambda given: given or defaults, config_schema=Permissive())
    job_definition = loaded("chain_job").job.graph.to_job("ours", executor_def=configured)
    assert executor_setting(job_definition, None).max_concurrent == 3
    setting = executor_setting(job_definition, nested(path, {"max_concurrent": 5}))
    assert (setting.config_path, setting.fixed_by_code) == (path, ())
    assert setting.max_concurrent == 5


def test_a_jobs_own_run_config_counts() -> None:
    assert executor_setting(loaded("preset_job").job, None).max_concurrent == 9


def test_a_job_that_maps_its_config_takes_no_executor_in_it() -> None:
    @op(config_schema={"depth": int})
    def dig(context) -> int:
        return int(context.op_config["depth"])

    def to_op(given: dict) -> dict:
        return {"ops": {"dig": {"config": {"depth": given["depth"]}}}}

    mapping = ConfigMapping(to_op, config_schema={"depth": int})

    @job(config=mapping)
    def mapped() -> None:
        dig()

    @job(config={"ops": {"dig": {"config": {"depth": 3}}}})
    def defaulted() -> None:
        dig()

    assert executor_setting(mapped, {"depth": 2}).config_path is None
    assert executor_setting(mapped, {"depth": 2}).in_process_config_path is None
    path = executor_setting(defaulted, None).config_path
    assert path == ("execution", "config", "multiprocess")
    validate_run_config(
        defaulted,
        {
            "execution": {"config": {"multiprocess": {"max_concurrent": 2}}},
            "ops": {"dig": {"config": {"depth": 1}}},
        },
    )


def test_defaults_come_from_the_environment_or_the_number_of_cpus(monkeypatch) -> None:
    import multiprocessing

    job_definition = loaded("chain_job").job
    monkeypatch.delenv(MAX_CONCURRENT_VARIABLE, raising=False)
    setting = executor_setting(job_definition, None)
    assert setting.max_concurrent is None
    assert setting.effective_max_concurrent == multiprocessing.cpu_count()
    assert setting.start_method == "spawn"
    assert setting.preload_modules is None
    monkeypatch.setenv(MAX_CONCURRENT_VARIABLE, "17")
    assert executor_setting(job_definition, None).effective_max_concurrent == 17


def test_preload_list_and_tag_limits_are_read() -> None:
    config = nested(
        ("execution", "config", "multiprocess"),
        {
            "start_method": {"forkserver": {"preload_modules": ["json"]}},
            "tag_concurrency_limits": [{"key": "database", "limit": 2}],
        },
    )
    setting = executor_setting(loaded("chain_job").job, config)
    assert setting.preload_modules == ("json",)
    assert setting.tag_concurrency_limits[0]["limit"] == 2


def test_a_job_that_needs_config_for_its_ops_still_tells_its_executor() -> None:
    setting = executor_setting(loaded("kinds_job").job, None)
    assert setting.executor == "multiprocess"
    assert setting.config_path == ("execution", "config", "multiprocess")


@pytest.mark.parametrize(
    ("package", "name", "kind"),
    [
        ("dagster_k8s.executor", "k8s", "k8s"),
        ("dagster_docker.docker_executor", "docker", "docker"),
        ("dagster_celery.executor", "celery", "celery"),
        ("dagster_celery_k8s.executor", "celery-k8s", "celery_k8s"),
        ("dagster_dask.executor", "dask", "dask"),
        ("dagster_k8s.executor", "renamed", "k8s"),
        ("somebody.else_", "theirs", "other"),
    ],
)
def test_executors_of_other_packages_are_known_without_importing_them(package, name, kind) -> None:
    def create(_):
        raise AssertionError("nobody runs it")

    create.__module__ = package

    @op
    def nothing():
        pass

    @job(executor_def=executor(name=name)(create))
    def theirs():
        nothing()

    setting = executor_setting(theirs, None)
    assert setting.executor == kind
    assert setting.config_path is None


def test_validation_gives_dagsters_own_message() -> None:
    chain = loaded("chain_job")
    assert validated(chain, {"execution": {"config": {"multiprocess": {}}}}) is None
    wrong = validated(chain, {"execution": {"config": {"max_concurrent": 4}}})
    assert "max_concurrent" in wrong

    @op(config_schema={"depth": int})
    def digs() -> None: ...

    @job
    def dig() -> None:
        digs()

    lacking = replace(chain, job=dig)  # the user's own config has what this one lacks
    assert validated(lacking, {"execution": {"config": {"multiprocess": {}}}}) is None
    assert "max_concurrent" in validated(lacking, {"execution": {"config": {"max_concurrent": 4}}})
    assert validated(loaded("plain_function"), {}) is None
    assert validated(loaded("plain_function"), {"ops": {}}) is not None
    with pytest.raises(TargetError, match="max_concurrent"):
        executor_setting(chain.job, {"execution": {"config": {"max_concurrent": 4}}})
