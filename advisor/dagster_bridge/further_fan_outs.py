"""The fan-outs of a job beside the one that is described first."""

from collections.abc import Mapping
from typing import Any

from advisor.dagster_bridge.plan import execution_plan, mapped_over, mapped_steps
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
    fan_outs = dict.fromkeys(map(mapped_over, mapped.values()))
    own = mapped_over(mapped[first.mapped[0].handle])
    others = (each for each in fan_outs if each != own and each[0] not in mapped)
    return tuple(describe(loaded, run_config, first.partition, each) for each in others)
