"""Past runs beside what was predicted of them, and from which run on something changed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from statistics import median

from advisor.domain.analysis import ChangePoint, Drift, DriftPoint
from advisor.domain.quantities import change, interval, percent, seconds
from advisor.render.document import Table, plain_table

SHORT_ID = 8

grid = partial(plain_table, words=("method", "way"), wrap=True)
"""A table whose cells may be wrapped."""


def when(at_s: float) -> str:
    """A moment, to the minute."""
    return datetime.fromtimestamp(at_s, timezone.utc).strftime("%Y-%m-%d %H:%M")


def drift_table(drift: Drift) -> Table:
    """Each run, oldest first, beside its prediction where there is one."""
    columns: list[tuple[str, Callable[[DriftPoint], str]]] = [
        ("run", lambda point: point.run_id[:SHORT_ID]),
        ("started (UTC)", lambda point: when(point.started_at_s)[5:]),
        ("way", lambda point: point.way),
        ("items", lambda point: f"{point.items:,}"),
        ("run time", lambda point: seconds(point.observed_s)),
        ("predicted (90 %)", lambda p: interval(p.predicted_s) if p.predicted_s else "-"),
        ("error", lambda p: "-" if p.error is None else change(p.error)),
        ("regret", lambda point: "-" if point.regret is None else percent(point.regret)),
        ("work per item", lambda point: "-" if point.work_s is None else seconds(point.work_s)),
        ("overhead", lambda p: "-" if p.overhead_s is None else seconds(p.overhead_s)),
    ]
    table = [(name, [cell(point) for point in drift.points]) for name, cell in columns]
    # What is the same in every run is no column: a narrow terminal has room for the rest.
    shown = [
        (name, cells)
        for name, cells in table
        if set(cells) != {"-"} and not (name in {"way", "items"} and len(set(cells)) == 1)
    ]
    rows = zip(*(cells for _, cells in shown), strict=True)
    return grid([name for name, _ in shown], rows)


def drift_sentences(drift: Drift) -> tuple[str, ...]:
    """What the comparison amounts to."""
    lines: list[str] = []
    if drift.median_error is not None and drift.bias is not None:
        inside = (
            ""
            if drift.in_interval is None
            else (f"; {percent(drift.in_interval)} of the runs inside their 90 % interval")
        )
        lines.append(
            f"Predictions of these runs erred by {percent(drift.median_error)} (median), "
            f"{'runs took longer' if drift.bias > 0 else 'runs were quicker'} by "
            f"{percent(abs(drift.bias))}{inside}."
        )
    lines += [change_of(moment, drift.points) for moment in drift.changes]
    if drift.changes and drift.median_error is not None:
        lines.append("The advice rests on what was before: `dynadvise profile TARGET` again.")
    if drift.thin:
        lines.append(drift.thin)
    elif not drift.changes:
        lines.append(
            "Neither the work nor the overhead changed (permutation test, false alarms "
            f"{percent(drift.false_alarm_rate)}, at least {drift.min_segment} runs on each side)."
        )
    return tuple(lines)


def change_of(moment: ChangePoint, points: Sequence[DriftPoint]) -> str:
    """What changed, at which run, from what to what, and what that did to the predictions."""
    what = "work per item" if moment.quantity == "work" else "overhead per step"
    ratio = moment.after_s / moment.before_s if moment.before_s > 0 else float("inf")
    return (
        f"The {what} changed at run {moment.run_id[:SHORT_ID]}: from {seconds(moment.before_s)} to "
        f"{seconds(moment.after_s)} ({ratio:.2g} times; p = {moment.p_value:.2g})."
        + _errors_around(moment, points)
    )


def _errors_around(moment: ChangePoint, points: Sequence[DriftPoint]) -> str:
    """The predictions' error before and from the change on; empty where either is not known."""
    at = next(i for i, point in enumerate(points) if point.run_id == moment.run_id)
    before, after = (
        [point.error for point in side if point.comparable and point.error is not None]
        for side in (points[:at], points[at:])
    )
    if not before or not after:
        return ""
    return f" The predictions' error went from {change(median(before))} to {change(median(after))}."
