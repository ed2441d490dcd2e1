"""What past runs show of their job and their machine, where its code is not imported. Pure."""

from collections.abc import Sequence
from typing import cast

from advisor.domain.executor_setting import ExecutorSetting, StartMethod
from advisor.domain.host import HostFacts, HostProfile, PreloadList
from advisor.domain.observed import ObservedRun
from advisor.domain.workload import MappedOp, OpReference, TargetReference, WorkloadDescription
from advisor.model.run_statistics import collect_steps, fan_out_step, mapped_steps

UNMEASURED = {
    "cores and memory": "the runs' logs do not tell their machine: this one is assumed",
    "CPU scaling": "read from past runs",
    "command line start": "read from past runs",
}


def job_of(run: ObservedRun, target: TargetReference | None) -> WorkloadDescription:
    """The job as a run shows it; ``target`` is the code that it ran, where the instance tells."""
    fan_out = fan_out_step(run)
    collects = {step.op for step in collect_steps(run)}
    mapped = dict.fromkeys(step.op for step in mapped_steps(run))
    plain = {step.op for step in run.steps if step.mapping_key is None}
    others = plain - collects - ({fan_out.op} if fan_out else set())
    return WorkloadDescription(
        target=target or TargetReference(run.job, None, None, None, run.job, ""),
        kind="job",
        job_name=run.job,
        mapped=tuple(MappedOp(_reference(op), None, (), ()) for op in mapped),
        fan_out=_reference(fan_out.op) if fan_out else None,
        collects=tuple(_reference(op) for op in sorted(collects)),
        other_steps=len(others),
        other_ops=tuple(sorted(others)),
        executor=_executor(run),
        reconstructable=True,
    )


def host_of(runs: Sequence[ObservedRun], facts: HostFacts, read_at: str) -> HostProfile:
    """A host without a calibration, with the preload list of the newest run that had one.

    Args:
        facts: The machine where the advice is read: the runs do not tell theirs.
        read_at: ISO 8601, UTC.
    """
    preloaded = next((run.preload_modules for run in runs if run.preload_modules), ())
    return HostProfile(
        facts=facts,
        storage="from runs",
        user_module=None,
        preload=PreloadList(modules=preloaded),
        runs=(),
        storing=(),
        cpu_scaling=(),
        cli_start_s=None,
        base_rss_bytes=0,
        cost_s=0.0,
        calibrated_at=read_at,
        unmeasured=UNMEASURED,
    )


def _reference(op: str) -> OpReference:
    path = tuple(op.split("."))
    return OpReference(name=path[-1], node_path=path)


def _executor(run: ObservedRun) -> ExecutorSetting:
    multiprocess = run.executor == "multiprocess"
    return ExecutorSetting(
        executor=run.executor,
        class_name=run.executor,
        start_method=cast("StartMethod | None", run.start_method) if multiprocess else None,
        preload_modules=run.preload_modules,
        max_concurrent=run.max_concurrent,
        effective_max_concurrent=run.max_concurrent,
        config_path=("execution", "config", "multiprocess"),
        in_process_config_path=("execution", "config", "in_process"),
    )
