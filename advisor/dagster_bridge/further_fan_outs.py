"""The fan-outs of a job beside the one that is described first."""

from collections.abc import Mapping
from typing import Any

from advisor.dagster_bridge.plan import execution_plan, mapped_steps
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import LoadedTarget
from advisor.domain.workload import WorkloadDescription


def describe_further(
    loaded: LoadedTarget, first: WorkloadDescription, run_config: Mapping[str, Any] | None
) -> tuple[WorkloadDescription, ...]:
    """The other fan-outs of the job whose items are mapped, in the order of the plan."""
    if loaded.job is None or first.fan_out is None:
        return ()
    mapped = mapped_steps(execution_plan(loaded.job, run_config))
    fan_outs = dict.fromkeys(step.resolved_by_step_key for step in mapped.values())
    others = (name for name in fan_outs if name != first.fan_out.handle and name not in mapped)
    return tuple(describe(loaded, run_config, first.partition, name) for name in others)
