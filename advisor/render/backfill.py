"""What a backfill's runs took: queue, start, run, and the whole beside the plan."""

from advisor.domain.backfill import BackfillTimes
from advisor.domain.quantities import Interval, Spread, change, count, interval, seconds
from advisor.render.document import Block, ListBlock, Paragraph, plain_table

_HEADER = ("of each run", "median", "10th to 90th percentile", "planned")
FAR_OFF = 0.2
"""Share by which a part is called wrong: beyond what a plan errs otherwise."""


def backfill_blocks(times: BackfillTimes) -> list[Block]:
    """The whole in one sentence, the parts of a run in a table, and what to give the next plan."""
    planned = times.planned
    place_s = planned.place_s if planned else None
    parts = [
        ("start, until the job begins", times.start_s, planned.start_s if planned else None),
        ("run", times.run_s, planned.run_s if planned else None),
    ]
    waits = times.runs > times.runs_at_once
    if times.queued:
        parts.insert(0, ("in the queue", times.queue_s, None if waits else place_s))
    if times.queued and waits:
        parts.insert(1, ("  of it, with a free place", times.place_s, place_s))
    # Without a plan there is no last column.
    width = len(_HEADER) if planned else len(_HEADER) - 1
    rows = [_row(*part)[:width] for part in parts]
    return [
        Paragraph((_whole(times),)),
        plain_table(_HEADER[:width], rows),
        ListBlock(tuple(_lessons(times))),
    ]


def _row(name: str, spread: Spread, planned_s: float | None) -> tuple[str, ...]:
    percentiles = f"{seconds(spread.p10)} to {seconds(spread.p90)}"
    expected = "" if planned_s is None else seconds(planned_s)
    return name, seconds(spread.median), percentiles, expected


def _whole(times: BackfillTimes) -> str:
    failed = times.runs - times.succeeded
    short = f", {failed} without success" if failed else ""
    whole = (
        f"Backfill {times.backfill_id}: {count(times.runs, 'run')} of {times.job}{short}, "
        f"{times.runs_at_once} in parallel, {seconds(times.makespan_s)} from the first in the queue"
        " to the last end"
    )
    if times.predicted_s is None or times.as_started_s is None:
        return f"{whole}."
    return (
        f"{whole}. From the profile alone, plan predicts {_beside(times.predicted_s, times)}; with "
        f"the waits and starts of these runs, {_beside(times.as_started_s, times)}."
    )


def _beside(predicted: Interval, times: BackfillTimes) -> str:
    error = predicted.median / max(times.makespan_s, 1e-9) - 1
    return f"{interval(predicted)}, {change(error)}"


def _lessons(times: BackfillTimes) -> list[str]:
    lessons = []
    start = f"For the next plan: --run-start {times.start_s.median:.3g}"
    if times.queued and times.runs > times.runs_at_once:
        start += f" --dequeue-interval {2 * times.place_s.median:.3g}"
    lessons.append(f"{start} (from these runs).")
    planned = times.planned
    if planned and abs(planned.run_s / max(times.run_s.median, 1e-9) - 1) > FAR_OFF:
        lessons.append(
            f"A run took {seconds(times.run_s.median)}, planned were {seconds(planned.run_s)}: "
            "--save writes a profile that has learned from these runs."
        )
    if not times.queued:
        lessons.append("None of them was queued: there is no queue wait to learn from.")
    return lessons
