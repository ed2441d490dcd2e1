"""Which executor a job really resolves to, and where its configuration goes in run config.

The nesting differs: the default executor wants ``execution.config.multiprocess``, a job with
``executor_def=multiprocess_executor`` wants ``execution.config``; what ``configured(...)`` fixed
cannot be changed by run config at all, which is then ignored without a word.
"""

import json
import multiprocessing
import os
from collections.abc import Mapping
from typing import Any, cast

from dagster import (
    DagsterInvalidConfigError,
    ExecutorDefinition,
    JobDefinition,
    in_process_executor,
    multi_or_in_process_executor,
    multiprocess_executor,
)

from advisor.dagster_bridge.plan import effective_run_config, resolved_run_config
from advisor.dagster_bridge.private import ConfiguredDefinitionConfigSchema, process_config
from advisor.domain.errors import TargetError
from advisor.domain.executor_setting import ExecutorSetting, StartMethod

MAX_CONCURRENT_VARIABLE = "DAGSTER_MULTIPROCESS_EXECUTOR_MAX_CONCURRENT"
"""Dagster's own: the default ``max_concurrent`` of the multiprocess executor."""

_BY_PACKAGE = {
    "dagster_k8s": "k8s",
    "dagster_docker": "docker",
    "dagster_celery_k8s": "celery_k8s",
    "dagster_celery_docker": "celery",
    "dagster_celery": "celery",
    "dagster_dask": "dask",
    "dagster_aws": "ecs",
    "dagster_ray": "ray",
    "dagster_async_executor": "async",
}
_BY_NAME = {
    "celery-docker": "celery",
    "celery-k8s": "celery_k8s",
    "async_executor": "async",
    **{kind: kind for kind in _BY_PACKAGE.values()},
}
_EXECUTION = ("execution", "config")
_ADVISED = ("max_concurrent", "start_method")
_PORTABLE = ("retries", "tag_concurrency_limits", "step_dependency_config")

_PROBE = 77_777  # steps in parallel that nobody configures


def default_max_concurrent() -> int:
    """What the multiprocess executor takes where ``max_concurrent`` is unset or 0."""
    value = os.environ.get(MAX_CONCURRENT_VARIABLE)
    return int(value) if value and value.isdigit() else multiprocessing.cpu_count()


def executor_setting(job: JobDefinition, run_config: Mapping[str, Any] | None) -> ExecutorSetting:
    """The executor that a run of the job with this run config uses.

    Raises:
        TargetError: The run config does not fit the job.
    """
    definition = job.executor_def
    config = _resolved_config(job, run_config)
    paths: dict[str, tuple[str, ...]] = {}
    if _made_by(definition, multi_or_in_process_executor):
        executor = "in_process" if "in_process" in config else "multiprocess"
        config = cast("Mapping[str, Any]", config.get(executor) or {})
        paths = {each: (*_EXECUTION, each) for each in ("multiprocess", "in_process")}
    elif _made_by(definition, multiprocess_executor):
        executor, paths = "multiprocess", {"multiprocess": _EXECUTION}
    elif _made_by(definition, in_process_executor):
        executor, paths = "in_process", {"in_process": _EXECUTION}
    else:
        executor = _other_kind(definition)
    # A job that maps its config takes no executor in it; one with a default run config does.
    mapped = job.config_mapping is not None and job.run_config is None
    if mapped or not _takes_run_config(definition):
        paths = {}
    start_method: StartMethod | None = None
    preload: tuple[str, ...] | None = None
    max_concurrent = config.get("max_concurrent") or None
    effective = max_concurrent
    if executor == "multiprocess":
        chosen = config.get("start_method") or {}
        start_method = "forkserver" if "forkserver" in chosen else "spawn"
        modules = (chosen.get("forkserver") or {}).get("preload_modules")
        preload = tuple(modules) if modules is not None else None
        effective = max_concurrent or default_max_concurrent()
    elif executor == "in_process":
        effective = 1
    own = _users_own(definition, executor, config)
    return ExecutorSetting(
        executor=executor,
        class_name=definition.name,
        start_method=start_method,
        preload_modules=preload,
        max_concurrent=max_concurrent,
        effective_max_concurrent=effective,
        config_path=paths.get("multiprocess"),
        in_process_config_path=paths.get("in_process"),
        fixed_by_code=_fixed_by_code(definition, executor),
        tag_concurrency_limits=tuple(config.get("tag_concurrency_limits") or ()),
        user_config={key: own[key] for key in _PORTABLE if key in own},
        other_keys=tuple(key for key in own if key not in _PORTABLE),
    )


def own_executor_config(job: JobDefinition, run_config: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the user set on the job's executor, whatever executor it is.

    Raises:
        TargetError: The run config does not fit the job.
    """
    definition = job.executor_def
    return _users_own(definition, _other_kind(definition), _resolved_config(job, run_config))


def _users_own(
    definition: ExecutorDefinition, executor: str, config: Mapping[str, Any]
) -> dict[str, Any]:
    """What of the executor's config is neither its default nor for the advice to decide."""
    while isinstance(schema := definition.config_schema, ConfiguredDefinitionConfigSchema):
        definition = cast("ExecutorDefinition", schema.parent_def)
    named = _made_by(definition, multi_or_in_process_executor)
    try:
        default = _config_alone(definition, {"config": {executor: {}}} if named else {})
    except (TargetError, DagsterInvalidConfigError):
        default = {}
    default = default.get(executor, default)
    own = {
        key: value
        for key, value in config.items()
        if key not in _ADVISED and value not in (None, [], {}, default.get(key))
    }
    return cast("dict[str, Any]", json.loads(json.dumps(own, default=str)))


def _made_by(definition: ExecutorDefinition, original: ExecutorDefinition) -> bool:
    """Whether it is ``original`` or was configured from it, under whatever name."""
    return definition.executor_creation_fn is original.executor_creation_fn


def _other_kind(definition: ExecutorDefinition) -> str:
    """The kind of an executor of another package, told without importing the package."""
    function = definition.executor_creation_fn
    package = str(getattr(function, "__module__", "")).partition(".")[0]
    return _BY_PACKAGE.get(package) or _BY_NAME.get(definition.name) or "other"


def _resolved_config(job: JobDefinition, run_config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The executor's own config, with defaults and with what ``configured`` put in."""
    resolved = resolved_run_config(job, run_config)
    if resolved is not None:
        return resolved.execution.execution_engine_config
    # The job needs config for ops or resources that is not given: the executor's part is enough.
    execution = effective_run_config(job, run_config).get("execution") or {}
    try:
        return _config_alone(job.executor_def, execution)
    except TargetError:
        if execution:
            raise
        return {}  # what the executor itself requires is not given either: its kind is known


def _config_alone(definition: ExecutorDefinition, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """An executor's config resolved by itself, without the rest of a run config."""
    processed = process_config({"config": definition.get_config_field()}, dict(config))
    if not processed.success:
        raise TargetError(
            f"The executor '{definition.name}' cannot take its configuration.",
            details="\n".join(error.message for error in processed.errors or ()),
        )
    mapped = definition.apply_config_mapping(processed.value)
    value = mapped.value if mapped.success else processed.value
    return cast("Mapping[str, Any]", (value or {}).get("config") or {})


def _fixed_by_code(definition: ExecutorDefinition, executor: str) -> tuple[str, ...]:
    """The executor's config keys that ``configured(...)`` sets and run config cannot change."""
    schema = definition.config_schema
    if not isinstance(schema, ConfiguredDefinitionConfigSchema) or _takes_run_config(definition):
        return ()
    parent = cast("ExecutorDefinition", schema.parent_def)
    try:
        fixed = _config_alone(definition, {})
        default = _config_alone(parent, {})
    except (TargetError, DagsterInvalidConfigError):
        return ()
    if executor in fixed:
        fixed, default = fixed[executor] or {}, default.get(executor) or {}
    changed = tuple(key for key, value in fixed.items() if value != default.get(key))
    return changed or tuple(key for key in fixed if key in {"max_concurrent", "start_method"})


def _takes_run_config(definition: ExecutorDefinition) -> bool:
    """Whether run config reaches the executor: ``configured`` by a function may hand it on."""
    if not isinstance(definition.config_schema, ConfiguredDefinitionConfigSchema):
        return True
    nested = _made_by(definition, multi_or_in_process_executor)
    probe: dict[str, object] = {"max_concurrent": _PROBE}
    try:
        through = _config_alone(
            definition, {"config": {"multiprocess": probe} if nested else probe}
        )
    except (TargetError, DagsterInvalidConfigError):
        return False
    return (through.get("multiprocess") or {} if nested else through).get(
        "max_concurrent"
    ) == _PROBE
