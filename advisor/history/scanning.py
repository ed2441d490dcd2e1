"""One job's past runs as a line of a scan. Pure."""

from collections.abc import Sequence
from statistics import fmean, median

from advisor.domain.observed import ObservedRun
from advisor.domain.overhead import OverheadModel
from advisor.domain.scan import ConfigRemedy, ScannedJob
from advisor.history.statistics import start_way, work_and_overhead_s
from advisor.model.run_overhead import spans_s
from advisor.model.run_statistics import held_s, item_count, makespan, mapped_steps, parallelism


def scanned_job(
    runs: Sequence[ObservedRun],
    *,
    runs_in_period: int,
    failed: int,
    target: str | None,
    overhead: OverheadModel | None = None,
) -> ScannedJob:
    """The line of one job.

    Args:
        runs: The runs that were read, newest first; at least one.
        overhead: A calibration of the host: what a warm start takes there.
    """
    done = [run for run in runs if run.status == "success"] or list(runs)
    savings = [config_saving(run, overhead) for run in done]
    total_s = fmean(makespan(run) for run in done) * runs_in_period
    remedies = [remedy for remedy, saved_s in savings if remedy is not None and saved_s > 0]
    remedy = max(set(remedies), key=remedies.count) if remedies else None
    saving_s = fmean(saved_s if each is remedy else 0.0 for each, saved_s in savings)
    newest = runs[0]
    return ScannedJob(
        job=newest.job,
        mapped_ops=tuple(dict.fromkeys(step.op for step in mapped_steps(newest))),
        items=round(median(item_count(run) for run in done)),
        steps=round(median(len(run.steps) for run in done)),
        way=start_way(newest),
        runs=runs_in_period,
        read=len(runs),
        failed=failed,
        makespan_s=median(makespan(run) for run in done),
        total_s=total_s,
        overhead_s=total_s * fmean(overhead_share(run) for run in done),
        saving_s=saving_s * runs_in_period if remedy else 0.0,
        remedy=remedy,
        at_most=remedy is ConfigRemedy.WARM_START and _warm_start_s(overhead) is None,
        target=target,
    )


def overhead_share(run: ObservedRun) -> float:
    """Share of the time for which steps held their slots that was not the ops' own code."""
    work, overhead = work_and_overhead_s(run.steps)
    held = sum(work) + sum(overhead)
    return sum(overhead) / held if held > 0 else 0.0


def config_saving(
    run: ObservedRun, overhead: OverheadModel | None = None
) -> tuple[ConfigRemedy | None, float]:
    """What config alone would save of a run, in seconds: the better of two remedies.

    A warm start saves what each step takes to start Python and import, less what a calibrated
    warm start takes, over the steps that are in the run side by side. One process saves all that
    the run takes beyond loading, computing and storing of its steps one after another. Neither is
    promised for executors that start a pod, container or task per step.
    """
    if run.executor != "multiprocess" or not run.steps:
        return None, 0.0
    worked_s = sum(spans_s(run.steps, "start_s", "end_s"))
    savings = {ConfigRemedy.IN_PROCESS: makespan(run) - worked_s}
    if not run.preload_modules:
        warm_s = _warm_start_s(overhead) or 0.0
        starts = spans_s(run.steps, "worker_starting_s", "resource_init_started_s")
        starts_s = sum(max(0.0, start_s - warm_s) for start_s in starts)
        bound_s = makespan(run) - worked_s / parallelism(run).slots
        savings[ConfigRemedy.WARM_START] = min(starts_s / _side_by_side(run), bound_s)
    remedy = max(savings, key=lambda each: savings[each])
    return (remedy, savings[remedy]) if savings[remedy] > 0 else (None, 0.0)


def _warm_start_s(overhead: OverheadModel | None) -> float | None:
    warm = overhead.multiprocess.get("warm_forkserver") if overhead else None
    return warm.boot_s + warm.prepare_s if warm else None


def _side_by_side(run: ObservedRun) -> float:
    """Steps that held a slot, averaged over the run; at least 1."""
    held = sum(held_s(step) or 0.0 for step in run.steps)
    return max(1.0, held / makespan(run)) if makespan(run) > 0 else 1.0
