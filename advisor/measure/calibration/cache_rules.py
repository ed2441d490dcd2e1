"""What of one calibration holds for others: for another module, at another moment."""

from collections.abc import Sequence
from dataclasses import replace

from advisor.domain.host import (
    SERIAL_METHODS,
    CalibrationMethod,
    CalibrationRun,
    CpuScaling,
    HostProfile,
    PreloadList,
)
from advisor.measure.calibration.tiny_runs import RUNS, Probe

KEPT_RUNS = 12
"""Runs kept of each kind: the host's speed drifts, and the mean over time predicts better."""

PROOF_SLACK = 1.6
"""A further module's steps may take so many times as long to start as those of the others: like
runs at other moments differ by less."""
UNKNOWN_S = 8.0
"""That a tiny run takes whose like was not run here: one spawned item, about."""


def without_module(host: HostProfile) -> HostProfile:
    """What a calibration says of the host for any user's module."""
    users = set(host.user_roots)
    preload = replace(
        host.preload,
        modules=tuple(m for m in host.preload.modules if m not in users),
        left_out={m: why for m, why in host.preload.left_out.items() if m not in users},
    )
    return replace(
        host,
        user_module=None,
        preload=preload,
        base_rss_bytes=max(0, host.base_rss_bytes - host.user_rss_bytes),
        process_start_s=max(0.05, host.process_start_s - host.user_import_s),
        user_import_s=0.0,
        user_build_s=0.0,
        user_rebuild_s=0.0,
        user_rss_bytes=0,
        user_roots=(),
        user_preloaded=False,
    )


def pooled(host: HostProfile, other: HostProfile | None) -> HostProfile:
    """A calibration with the runs of another one of the same host, each run once."""
    if other is None:
        return host
    runs = {(run.method, run.started_at_s): run for run in (*other.runs, *host.runs)}
    scaling = max(host.cpu_scaling, other.cpu_scaling, key=len)  # one holds the other's moments
    return replace(host, runs=newest(list(runs.values())), cpu_scaling=scaling)


def since_launch_s(runs: Sequence[CalibrationRun], method: CalibrationMethod, until: str) -> float:
    """Mean seconds from a mapped step's launch to its phase ``until``."""
    launches_s = [
        getattr(step, until) - step.worker_starting_s
        for run in runs
        if run.method == method
        for step in run.run.steps
        if step.mapping_key is not None
        and getattr(step, until) is not None
        and step.worker_starting_s is not None
    ]
    return sum(launches_s) / len(launches_s) if launches_s else 0.0


def starts_are_known(host: HostProfile) -> bool:
    """Whether a step with a process of its own was run, or could not be."""
    tried = {"warm preload list", "warm forkserver", "spawn"}
    ran = any(run.method not in SERIAL_METHODS for run in host.runs)
    return ran or not tried.isdisjoint(host.unmeasured)


def step_start_s(runs: Sequence[CalibrationRun]) -> float:
    """Mean seconds from a mapped step's launch to its start, under a warm forkserver."""
    return since_launch_s(runs, "warm_forkserver", "start_s")


def longest_ago_first(host: HostProfile) -> list[Probe]:
    """The runs of another look, those first whose method has not been seen for longest."""
    last_s: dict[str, float] = {}
    for run in host.runs:
        last_s[run.method] = max(run.started_at_s, last_s.get(run.method, 0.0))
    return sorted(RUNS, key=lambda probe: last_s.get(probe.method, 0.0))


def newest(runs: Sequence[CalibrationRun]) -> tuple[CalibrationRun, ...]:
    """The newest runs of each kind, in the order of their starts."""
    newest_first: list[CalibrationRun] = []
    counts: dict[tuple[str, bool], int] = {}
    for run in sorted(runs, key=lambda run: -run.started_at_s):
        key = (run.method, run.max_concurrent > 1)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= KEPT_RUNS:
            newest_first.append(run)
    return tuple(sorted(newest_first, key=lambda run: run.started_at_s))


def newest_scaling(moments: Sequence[CpuScaling]) -> tuple[CpuScaling, ...]:
    """The newest moments of each number of workers."""
    newest_first: list[CpuScaling] = []
    for one in reversed(moments):
        if sum(other.workers == one.workers for other in newest_first) < KEPT_RUNS:
            newest_first.append(one)
    return tuple(reversed(newest_first))


def expected_s(probe: Probe, host: HostProfile) -> float:
    """How long such a run took before, its process's start included."""
    start = 2.0
    before = [r for r in host.runs if r.method == probe.method and r.max_concurrent == 1]
    if not before:
        return UNKNOWN_S
    last = before[-1]
    return start + last.wall_s * (probe.items + 2) / (last.items + 2)


def boot_s(runs: Sequence[CalibrationRun], method: CalibrationMethod) -> float:
    """Mean boot of a mapped step, at one step at a time."""
    alone = [run for run in runs if run.max_concurrent == 1]
    return since_launch_s(alone, method, "worker_started_s")


def with_proof(preload: PreloadList, runs: Sequence[CalibrationRun]) -> PreloadList:
    """The list with the mean boot of a mapped step before and after."""
    before_s, after_s = boot_s(runs, "forkserver"), boot_s(runs, "warm_forkserver")
    return replace(preload, boot_before_s=before_s, boot_after_s=after_s)
