"""One run as it is reported: its phases, parallelism, totals, chart and diagnoses. Pure."""

from dataclasses import replace

from advisor.domain.analysis import RunAnalysis
from advisor.domain.command_line import spelled_out
from advisor.domain.observed import ObservedRun
from advisor.domain.overhead import OverheadModel
from advisor.domain.workload import WorkloadDescription
from advisor.history.statistics import gantt_bars, op_statistics, totals
from advisor.model.run_statistics import item_count, parallelism
from advisor.rules.runs import diagnose
from advisor.rules.runs.facts import RunFacts


def analyze_run(
    run: ObservedRun,
    overhead: OverheadModel | None = None,
    description: WorkloadDescription | None = None,
) -> RunAnalysis:
    """One run's phases, parallelism, totals and diagnoses.

    Args:
        overhead: A calibration of its host, where there is one.
        description: Its job, so that the commands in remedies run as they are printed.
    """
    ops = op_statistics([run])
    parallel = parallelism(run)
    sums = totals(run, 1 if run.executor == "in_process" else parallel.slots)
    diagnoses = diagnose(RunFacts(run, ops, parallel, sums, overhead))
    if description is not None:
        diagnoses = tuple(
            replace(each, remedy=spelled_out(each.remedy, description)) for each in diagnoses
        )
    return RunAnalysis(
        run_id=run.run_id,
        job=run.job,
        status=run.status,
        executor=run.executor,
        start_method=run.start_method,
        started_at_s=run.started_at_s + run.run_start_s,
        items=item_count(run),
        events=run.event_count,
        ops=ops,
        parallelism=parallel,
        totals=sums,
        diagnoses=diagnoses,
        bars=gantt_bars(run),
        notes=run.notes,
    )
