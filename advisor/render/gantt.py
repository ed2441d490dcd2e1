"""A run's steps over time, as text for the terminal."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from advisor.domain.analysis import GanttBar
from advisor.domain.picture import BarPhase
from advisor.domain.quantities import seconds

LAUNCHING, WORKING, FAILED, IDLE = "░", "█", "✗", " "
MAX_LANES = 24
"""Lanes shown in a terminal; more are folded, several to a line."""


def gantt_text(bars: Sequence[GanttBar], makespan_s: float, width: int = 100) -> str:
    """One line a lane (a slot of the executor), one column a slice of time.

    A column shows what most of its slice went into: launching (``░``), work (``█``), a failed
    attempt (``✗``). More than :data:`MAX_LANES` lanes are folded: a line then stands for several
    lanes and shows the busiest of them.
    """
    if not bars or makespan_s <= 0:
        return ""
    lanes = max(bar.lane for bar in bars) + 1
    fold = -(-lanes // MAX_LANES)
    rows = -(-lanes // fold)
    label = len(_lane_label(rows - 1, fold, lanes))
    columns = max(20, width - label - 3)
    slice_s = makespan_s / columns
    shares: list[list[dict[str, float]]] = [
        [defaultdict(float) for _ in range(columns)] for _ in range(rows)
    ]
    for bar in bars:
        row = shares[bar.lane // fold]
        for kind, begin, end in parts_in_time(bar):
            _spread_over(row, kind, begin, end, slice_s)
    lines = [
        f"{_lane_label(row, fold, lanes):>{label}} |{''.join(map(_symbol, cells))}|"
        for row, cells in enumerate(shares)
    ]
    axis = f"{'':>{label}}  0{seconds(makespan_s):>{columns - 1}}"
    legend = f"{'':>{label}}  {LAUNCHING} launching  {WORKING} at work  {FAILED} failed attempt"
    return "\n".join([*lines, axis, legend])


def parts_in_time(bar: GanttBar) -> list[tuple[BarPhase, float, float]]:
    """What a bar consists of, in time."""
    if bar.failed:
        return [("failed", bar.begin_s, bar.end_s)]
    if bar.work_start_s is None or bar.work_end_s is None:
        return [("start", bar.begin_s, bar.end_s)]
    parts: list[tuple[BarPhase, float, float]] = [("work", bar.work_start_s, bar.work_end_s)]
    if bar.work_start_s > bar.begin_s:
        parts.insert(0, ("start", bar.begin_s, bar.work_start_s))
    return parts


def _spread_over(
    row: Sequence[dict[str, float]], kind: str, begin_s: float, end_s: float, slice_s: float
) -> None:
    first = max(0, int(begin_s / slice_s))
    last = min(len(row) - 1, int(end_s / slice_s))
    for column in range(first, last + 1):
        covered = min(end_s, (column + 1) * slice_s) - max(begin_s, column * slice_s)
        row[column][kind] += max(0.0, covered)


def _symbol(cell: Mapping[str, float]) -> str:
    if not cell:
        return IDLE
    kind = max(cell, key=lambda name: cell[name])
    return {"start": LAUNCHING, "work": WORKING, "failed": FAILED}[kind]


def _lane_label(row: int, fold: int, lanes: int) -> str:
    first = row * fold + 1
    return str(first) if fold == 1 else f"{first}-{min(lanes, first + fold - 1)}"
