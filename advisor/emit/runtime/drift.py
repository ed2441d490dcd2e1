"""How long finished runs took, beside a prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

TOLERANCE = 1.25  # beyond the interval by this factor is a drift worth a look
TAG = "dynadvise/drift"
Verdict = Literal["slower than", "faster than", "as"]


@dataclass(frozen=True)
class Prediction:
    """What was predicted of the runs of a job.

    Attributes:
        jobs: The jobs that are watched.
        mapped: Step keys of the mapped ops, without the item's key.
        items: For how many items the seconds were predicted.
        low_s: With `high_s` the interval of 90 %, around `median_s`.
    """

    jobs: Sequence[str]
    mapped: Sequence[str]
    items: int
    low_s: float
    median_s: float
    high_s: float


def items_of(predicted: Prediction, instance: dg.DagsterInstance, run_id: str) -> int:
    """How many items the run had: its mapped steps, counted by op."""
    counts: dict[str, int] = {}
    cursor = None
    while True:
        page = instance.get_records_for_run(
            run_id,
            cursor=cursor,
            of_type=dg.DagsterEventType.STEP_SUCCESS,
            limit=1000,
        )
        for record in page.records:
            op, bracket, _ = (record.event_log_entry.step_key or "").partition("[")
            if bracket and op in predicted.mapped:
                counts[op] = counts.get(op, 0) + 1
        if not page.has_more:
            return max(counts.values(), default=0)
        cursor = page.cursor


def judge(
    predicted: Prediction, wall_s: float, items: int
) -> tuple[Verdict, float, str]:
    """The verdict on a run, its seconds over the predicted ones, and the figures.

    Other numbers of items than the predicted one are scaled in proportion.
    """
    scale = items / predicted.items if items else 1.0
    expected_s = predicted.median_s * scale
    figures = f"{wall_s:.3g} s for {items or predicted.items} items"
    figures += f", predicted {expected_s:.3g} s"
    verdict: Verdict = "as"
    if wall_s > predicted.high_s * scale * TOLERANCE:
        verdict, figures = "slower than", f"{figures}. Profile it again."
    elif wall_s < predicted.low_s * scale / TOLERANCE:
        verdict, figures = "faster than", f"{figures}. The advice may be outdated."
    return verdict, wall_s / expected_s, figures


def drift_sensor_of(predicted: Prediction, name: str) -> dg.SensorDefinition:
    """A sensor that tags and logs each finished run of the jobs."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name=name,
        description="Compares each finished run with what dynadvise predicted of it.",
    )
    def drift_sensor(context: dg.RunStatusSensorContext) -> Any:
        run = context.dagster_run
        if run.job_name not in predicted.jobs:
            return dg.SkipReason(f"{run.job_name} is not watched")
        record = context.instance.get_run_record_by_id(run.run_id)
        if record is None or record.start_time is None or record.end_time is None:
            return dg.SkipReason(f"run {run.run_id} has no times")
        wall_s = record.end_time - record.start_time
        items = items_of(predicted, context.instance, run.run_id)
        verdict, ratio, figures = judge(predicted, wall_s, items)
        # A tag can be seen, and searched for, in the list of runs.
        context.instance.add_run_tags(run.run_id, {TAG: f"{ratio:.2g}"})
        message = f"{run.job_name} {verdict} predicted: {figures}"
        log = context.log.info if verdict == "as" else context.log.warning
        log(message)
        return dg.SkipReason(message)

    return drift_sensor
