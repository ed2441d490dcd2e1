"""A run's steps over time: as text for the terminal, and as one self-contained SVG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from advisor.domain.analysis import GanttBar
from advisor.domain.quantities import seconds
from advisor.render.escaping import printable

LAUNCHING, WORKING, FAILED, IDLE = "░", "█", "✗", " "
MAX_LANES = 24
"""Lanes shown in a terminal; more are folded, several to a line."""

_SVG_WIDTH = 1000
_SVG_LANE = 18
_SVG_MAX_LANES = 200
_COLORS: Mapping[str, str] = {"launch": "#c9ced6", "work": "#3b7ddd", "failed": "#d64545"}


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
        for kind, begin, end in _parts(bar):
            _spread_over(row, kind, begin, end, slice_s)
    lines = [
        f"{_lane_label(row, fold, lanes):>{label}} |{''.join(map(_symbol, cells))}|"
        for row, cells in enumerate(shares)
    ]
    axis = f"{'':>{label}}  0{seconds(makespan_s):>{columns - 1}}"
    legend = f"{'':>{label}}  {LAUNCHING} launching  {WORKING} at work  {FAILED} failed attempt"
    return "\n".join([*lines, axis, legend])


def gantt_svg(
    bars: Sequence[GanttBar], makespan_s: float, *, title: str, subtitle: str = ""
) -> str:
    """The same as an SVG picture, one rectangle a part of a step; names show on hovering.

    Parts of one lane that would share a pixel are merged, so that a run of 10,000 steps stays a
    small file.
    """
    title, subtitle = printable(title), printable(subtitle)
    lanes = min(max((bar.lane for bar in bars), default=0) + 1, _SVG_MAX_LANES)
    height = 70 + lanes * _SVG_LANE + 30
    left, inner = 50, _SVG_WIDTH - 70
    scale = inner / makespan_s if makespan_s > 0 else 0.0
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SVG_WIDTH} {height}" '
            f'width="{_SVG_WIDTH}" height="{height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="11">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{_SVG_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="22" font-size="15" font-weight="600">{escape(title)}</text>',
        f'<text x="10" y="40" fill="#555">{escape(subtitle)}</text>',
    ]
    for index, (kind, words) in enumerate(
        (("launch", "launching"), ("work", "at work"), ("failed", "failed attempt"))
    ):
        x = 700 + index * 100
        parts.append(
            f'<rect x="{x}" y="32" width="10" height="10" fill="{_COLORS[kind]}"/>'
            f'<text x="{x + 14}" y="41">{words}</text>'
        )
    for lane in range(lanes):
        y = 60 + lane * _SVG_LANE + _SVG_LANE - 6
        if lanes <= 40 or lane % 10 == 0:
            parts.append(f'<text x="10" y="{y}" fill="#777">{lane + 1}</text>')
    parts += _rectangles(bars, left, scale, lanes)
    bottom = 60 + lanes * _SVG_LANE + 4
    parts.append(
        f'<line x1="{left}" y1="{bottom}" x2="{left + inner}" y2="{bottom}" stroke="#999"/>'
    )
    for tick in range(6):
        at = left + inner * tick / 5
        parts.append(
            f'<text x="{at:.0f}" y="{bottom + 16}" text-anchor="middle" fill="#555">'
            f"{escape(seconds(makespan_s * tick / 5))}</text>"
        )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _rectangles(bars: Sequence[GanttBar], left: float, scale: float, lanes: int) -> list[str]:
    merged: dict[tuple[int, str], tuple[float, float, str, int]] = {}
    shapes: list[str] = []

    def put(lane: int, kind: str, span: tuple[float, float, str, int]) -> None:
        begin, end, name, steps = span
        y = 60 + lane * _SVG_LANE
        words = name if steps == 1 else f"{name} and {steps - 1} more"
        shapes.append(
            f'<rect x="{begin:.1f}" y="{y}" width="{max(0.5, end - begin):.1f}" '
            f'height="{_SVG_LANE - 4}" fill="{_COLORS[kind]}">'
            f"<title>{escape(printable(words))}</title></rect>"
        )

    for bar in bars:
        if bar.lane >= lanes:
            continue
        for kind, begin_s, end_s in _parts(bar):
            begin, end = left + begin_s * scale, left + end_s * scale
            key = (bar.lane, kind)
            last = merged.get(key)
            if last is not None and begin - last[1] < 0.5 and end - last[0] < 2:
                merged[key] = (last[0], end, last[2], last[3] + 1)
                continue
            if last is not None:
                put(bar.lane, kind, last)
            name = f"{bar.step_key}: {seconds(max(0.0, end_s - begin_s))} {kind}"
            merged[key] = (begin, end, name, 1)
    for (lane, kind), span in merged.items():
        put(lane, kind, span)
    return shapes


def _parts(bar: GanttBar) -> list[tuple[str, float, float]]:
    """What a bar consists of, in time."""
    if bar.failed:
        return [("failed", bar.begin_s, bar.end_s)]
    if bar.work_start_s is None or bar.work_end_s is None:
        return [("launch", bar.begin_s, bar.end_s)]
    parts = [("work", bar.work_start_s, bar.work_end_s)]
    if bar.work_start_s > bar.begin_s:
        parts.insert(0, ("launch", bar.begin_s, bar.work_start_s))
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
    return {"launch": LAUNCHING, "work": WORKING, "failed": FAILED}[kind]


def _lane_label(row: int, fold: int, lanes: int) -> str:
    first = row * fold + 1
    return str(first) if fold == 1 else f"{first}-{min(lanes, first + fold - 1)}"
