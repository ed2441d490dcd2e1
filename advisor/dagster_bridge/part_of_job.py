"""A part of a job as a run of its own, with what of the run config is for that part."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from dagster import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterRun,
    ExecuteInProcessResult,
    JobDefinition,
    colored_console_logger,
    mem_io_manager,
    validate_run_config,
)

from advisor.dagster_bridge.plan import config_behind_mapping, ops_by_handle


def execute_part(
    job: JobDefinition,
    handles: Sequence[str],
    run: DagsterRun,
    instance: DagsterInstance,
) -> ExecuteInProcessResult:
    """Execute some ops of a job in this process as the given run; all values stay in memory.

    The values that they give do not go through the job's IO managers.
    """
    config = config_behind_mapping(job, run.run_config)
    if job.config_mapping is not None and not job.is_asset_job:
        job = job.graph.to_job(name=job.name, resource_defs=job.resource_defs)
    ops = ops_by_handle(job)
    managers = {output.io_manager_key for handle in handles for output in ops[handle].output_defs}
    config = _config_of(job.get_subset(op_selection=handles), config)
    resources = dict(config.get("resources") or {})
    config["resources"] = {key: resources[key] for key in resources if key not in managers}
    if job.loggers.get("console") is colored_console_logger:
        config.setdefault("loggers", {"console": {"config": {"log_level": "WARNING"}}})
    return job.execute_in_process(
        run_config=config,
        instance=instance,
        op_selection=handles,
        resources=dict.fromkeys(managers, mem_io_manager),
        run_id=run.run_id,
        tags=run.tags,
    )


def _config_of(part: JobDefinition, config: Mapping[str, Any]) -> dict[str, Any]:
    """The run config without what the part does not know: inputs, ops, resources of the others."""
    own: dict[str, Any] = _copied(config)
    while unknown := _unknown_keys(part, own):
        for path, key in unknown:
            reduce(getitem, path, own).pop(key)
    return own


def _unknown_keys(part: JobDefinition, config: Mapping[str, Any]) -> list[tuple[list[str], str]]:
    """The keys that Dagster does not expect, each with the path of keys to it."""
    try:
        validate_run_config(part, config)
    except DagsterInvalidConfigError as error:
        return [
            ([str(getattr(entry, "field_name", "")) for entry in each.stack.entries], name)
            for each in error.errors
            if each.reason.name in ("FIELD_NOT_DEFINED", "FIELDS_NOT_DEFINED")
            for name in _names(each.error_data)
        ]
    return []


def _names(data: Any) -> Sequence[str]:
    return data.field_names if hasattr(data, "field_names") else [data.field_name]


def _copied(value: Any) -> Any:
    """A copy of the mappings in a config, whose other values are shared."""
    return {k: _copied(v) for k, v in value.items()} if isinstance(value, Mapping) else value
