"""What a backfill's runs took: queue, start, run, and the whole beside the plan."""

from __future__ import annotations

from advisor.domain.backfill import BackfillTimes
from advisor.domain.quantities import Spread, count, interval, percent, seconds
from advisor.render.document import Block, Column, ListBlock, Paragraph, Row, Table

_COLUMNS = (
    Column("of each run", left=True),
    Column("median"),
    Column("10th to 90th percentile"),
)


def backfill_blocks(times: BackfillTimes) -> list[Block]:
    """The whole in one sentence, the parts of a run in a table, and what to give the next plan."""
    parts = [("start, until the job begins", times.start_s), ("run", times.run_s)]
    if times.queued:
        parts.insert(0, ("in the queue", times.queue_s))
    if times.queued and times.runs > times.runs_at_once:
        parts.insert(1, ("  of it, with a free place", times.place_s))
    return [
        Paragraph((_whole(times),)),
        Table(_COLUMNS, tuple(_row(name, spread) for name, spread in parts)),
        ListBlock(tuple(_lessons(times))),
    ]


def _row(name: str, spread: Spread) -> Row:
    return Row(
        (name, seconds(spread.median), f"{seconds(spread.p10)} to {seconds(spread.p90)}"),
    )


def _whole(times: BackfillTimes) -> str:
    failed = times.runs - times.succeeded
    short = f", {failed} without success" if failed else ""
    whole = (
        f"Backfill {times.backfill_id}: {count(times.runs, 'run')} of {times.job}{short}, "
        f"{times.runs_at_once} in parallel, {seconds(times.makespan_s)} from the first in the queue"
        " to the last end"
    )
    if times.predicted_s is None:
        return f"{whole}."
    error = times.predicted_s.median / max(times.makespan_s, 1e-9) - 1
    return f"{whole}; plan predicts {interval(times.predicted_s)}, {percent(error)} off."


def _lessons(times: BackfillTimes) -> list[str]:
    lessons = []
    start = f"For the next plan: --run-start {times.start_s.median:.3g}"
    if times.queued and times.runs > times.runs_at_once:
        start += f" --dequeue-interval {2 * times.place_s.median:.3g}"
    lessons.append(f"{start} (from these runs).")
    if not times.queued:
        lessons.append("None of them was queued: there is no queue wait to learn from.")
    return lessons
