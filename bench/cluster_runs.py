"""Real runs of Dagster's cluster executors on this host, read as ``analyze`` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cluster_jobs
import yaml
from dagster import DagsterInstance, execute_job
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from advisor.dagster_bridge.event_log import list_runs, read_run
from advisor.dagster_bridge.recorded_instance import open_instance_read_only
from advisor.domain.observed import ObservedRun


def run_job(
    home: Path,
    name: str,
    *,
    ops: dict[str, Any],
    execution: dict[str, Any],
    dagster_yaml: dict[str, Any] | None = None,
) -> ObservedRun:
    """One successful run of a job of ``cluster_jobs``."""
    home.mkdir(exist_ok=True)
    settings = {"telemetry": {"enabled": False}, **(dagster_yaml or {})}
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    pointer = ModuleCodePointer(cluster_jobs.__name__, name, None)
    job = ReconstructableJob(ReconstructableRepository(pointer), name)
    config = {
        "execution": {"config": execution},
        "loggers": {"console": {"config": {"log_level": "ERROR"}}},
        "ops": {op: {"config": values} for op, values in ops.items()},
    }
    with (
        DagsterInstance.from_config(str(home)) as instance,
        execute_job(job, instance=instance, run_config=config) as result,
    ):
        assert result.success, [event.message for event in result.all_events if event.is_failure]
    source = open_instance_read_only(home)
    return read_run(source, list_runs(source)[0].run_id)
