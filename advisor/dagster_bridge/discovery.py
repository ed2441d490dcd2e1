"""What is to be known of a target before anything is measured; called in a child process.

Importing the user's module is running the user's code: it may print, hang, exit or crash.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.dagster_bridge.instances import InstanceKind, user_instance_kind
from advisor.domain.rule_facts import InstanceFacts, JobFacts
from advisor.domain.workload import TargetReference, WorkloadDescription

if TYPE_CHECKING:
    from advisor.dagster_bridge.target import LoadedTarget


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """Which target, under which run config; the files are as the user spelled them."""

    target: TargetReference
    run_config: Mapping[str, object] | None = None
    run_config_file: str | None = None
    inputs: str | None = None
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """The description, and what the static rules ask of the job and the user's instance.

    ``run_config`` is that of a run: the user's, else the partition's, else the job's own.
    ``further`` are the job's other fan-outs. ``loading_s`` is how long loading the target took, in
    a process that had imported Dagster, and ``rebuild_s`` loading its job once more.
    """

    description: WorkloadDescription
    run_config: Mapping[str, object]
    instance: InstanceKind
    job: JobFacts
    instance_facts: InstanceFacts | None
    loading_s: float
    rebuild_s: float
    further: tuple[WorkloadDescription, ...] = ()


def discover(request: DiscoveryRequest) -> Discovery:
    """Load the target and describe it.

    Raises:
        TargetError: It cannot be loaded, or is no workload that can be measured.
    """
    from advisor.dagster_bridge.job_facts import instance_facts, job_facts
    from advisor.dagster_bridge.plan import effective_run_config
    from advisor.dagster_bridge.structure import describe
    from advisor.dagster_bridge.target import load_s, load_target, reconstructable_of

    begun = time.perf_counter()
    loaded = load_target(request.target)
    loading_s = time.perf_counter() - begun
    description = describe(loaded, request.run_config, request.partition)
    config = request.run_config or {}
    if loaded.job is not None:
        config = effective_run_config(loaded.job, config, description.partition)
    instance = instance_facts()
    return Discovery(
        description=replace(
            description,
            pool_limits=_pool_limits(description, instance),
            inputs=request.inputs,
            run_config_file=request.run_config_file,
        ),
        run_config=config,
        instance=user_instance_kind(),
        job=job_facts(loaded, description, request.run_config),
        instance_facts=instance,
        loading_s=loading_s,
        rebuild_s=load_s(reconstructable_of(loaded)) if loaded.pointer else 0.0,
        further=describe_further(loaded, description, config),
    )


def describe_further(
    loaded: LoadedTarget, first: WorkloadDescription, run_config: Mapping[str, object] | None
) -> tuple[WorkloadDescription, ...]:
    """The other fan-outs of the job whose items are mapped, in the order of the plan."""
    from advisor.dagster_bridge.plan import execution_plan, mapped_over, mapped_steps
    from advisor.dagster_bridge.structure import describe

    if loaded.job is None or first.fan_out is None:
        return ()
    mapped = mapped_steps(execution_plan(loaded.job, run_config))
    fan_outs = dict.fromkeys(map(mapped_over, mapped.values()))
    own = mapped_over(mapped[first.mapped[0].handle])
    others = (each for each in fan_outs if each != own and each[0] not in mapped)
    return tuple(describe(loaded, run_config, first.partition, each) for each in others)


def _pool_limits(
    description: WorkloadDescription, instance: InstanceFacts | None
) -> dict[str, int]:
    """Limits of the mapped ops' pools, as far as the instance counts steps and has any."""
    if instance is None or not instance.pools_known or instance.pool_granularity == "run":
        return {}
    pools = {op.pool for op in description.mapped if op.pool}
    limits = {pool: instance.pool_limits.get(pool, instance.default_pool_limit) for pool in pools}
    return {pool: limit for pool, limit in sorted(limits.items()) if limit is not None}


def import_target(target: TargetReference) -> None:
    """Import the target's module, whatever it holds.

    Raises:
        TargetError: It does not exist, or importing it failed.
    """
    from advisor.dagster_bridge.target import load_module

    load_module(target)


@dataclass(frozen=True, slots=True)
class ValidationRequest:
    """A run config to validate against the target's job."""

    target: TargetReference
    run_config: Mapping[str, object]


def validate(request: ValidationRequest) -> str | None:
    """Dagster's message where it refuses what the run config sets."""
    from advisor.dagster_bridge.target import load_target

    return validate_run_config(load_target(request.target), request.run_config)


def validate_run_config(loaded: LoadedTarget, run_config: Mapping[str, object]) -> str | None:
    """None where what the config sets fits the target's job, else Dagster's message.

    What the config lacks is no reason: the user's own config may have it. A target without a
    job takes no run config: every non-empty one is refused.
    """
    from dagster import DagsterInvalidConfigError
    from dagster import validate_run_config as dagster_validate

    if loaded.job is None:
        return "The target has no job that a run config could be for." if run_config else None
    try:
        dagster_validate(loaded.job, dict(run_config))
    except DagsterInvalidConfigError as error:
        reasons = (each.reason.name for each in error.errors)
        return None if all(each.startswith("MISSING_REQUIRED") for each in reasons) else str(error)
    return None
