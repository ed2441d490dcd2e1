"""The tables and sentences of an analysis, the same in the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from statistics import median

from advisor.domain.analysis import (
    PHASES,
    Analysis,
    ChangePoint,
    DelegatedWay,
    Diagnosis,
    Drift,
    DriftPoint,
    ObservedOverhead,
    OpStatistics,
    RunAnalysis,
)
from advisor.domain.quantities import Spread
from advisor.render.wording import count, interval, percent, printable, seconds

SHORT_ID = 8


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text; ``right`` holds the columns of figures."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def method_of(run: RunAnalysis) -> str:
    """How the run went: its executor, and the start method."""
    return run.executor + (f" ({run.start_method})" if run.start_method else "")


def runs_table(runs: Sequence[RunAnalysis]) -> Grid:
    """The seed's table, one row a run: method, total, work, overhead, efficiency."""
    rows = tuple(
        (
            run.run_id[:SHORT_ID],
            method_of(run) + ("" if run.status == "success" else f", {run.status}"),
            str(run.parallelism.configured or f"({run.parallelism.holding_peak})"),
            f"{run.items:,}",
            seconds(run.totals.makespan_s),
            seconds(run.totals.work_s),
            _signed(run.totals.overhead_s),
            f"{run.totals.speed_up:.2g}x",
            percent(run.totals.efficiency),
        )
        for run in runs
    )
    head = (
        "run",
        "method",
        "at once",
        "items",
        "total",
        "work",
        "overhead",
        "speed-up",
        "efficiency",
    )
    return Grid(head, rows)


TABLE_LEGEND = (
    "total: wall clock of the run; work: computing of all its steps, summed; overhead: total less "
    "work (below 0 where steps at once more than pay for it); speed-up: work / total; efficiency: "
    "speed-up / steps at once. In brackets: as many as were seen at once."
)


def phases_tables(ops: Sequence[OpStatistics]) -> tuple[tuple[str, Grid], ...]:
    """By way: phases down, one column an op; median and the 10th to 90th percentile."""
    ways = dict.fromkeys(op.way for op in ops)
    return tuple((way, _phases_grid([op for op in ops if op.way == way])) for way in ways)


def _phases_grid(ops: Sequence[OpStatistics]) -> Grid:
    shown = [name for name in PHASES if any(op.phase(name) for op in ops)]
    head = ("phase", *(f"{printable(op.op)} ({op.role})" for op in ops))
    rows: list[tuple[str, ...]] = [("steps", *(_steps(op) for op in ops))]
    for name in shown:
        cells = []
        for op in ops:
            phase = op.phase(name)
            cells.append(_spread(phase.spread_s, phase.steps) if phase else "-")
        rows.append((name, *cells))
    rows.append(("slot held", *(_spread(op.slot_s, op.attempts) for op in ops)))
    return Grid(head, tuple(rows))


def parallel_sentence(run: RunAnalysis) -> str:
    """Achieved against configured concurrency."""
    p = run.parallelism
    configured = f"{p.configured} configured" if p.configured else "the executor's default"
    if p.configured is None and run.executor in {"celery", "celery_k8s"}:
        configured = "how many there may be is the Celery workers' to set"
    return (
        f"{p.working_mean:.2f} steps at work on average, {p.working_peak} at the most "
        f"({p.holding_peak} held a slot; {configured}); two or more overlap "
        f"{percent(p.overlap)} of the time at work."
    )


def diagnosis_lines(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Evidence, remedy and gain of one diagnosis; its message is the caller's."""
    lines = [printable(text) for text in diagnosis.evidence]
    lines.append(f"Remedy: {diagnosis.remedy}")
    if diagnosis.gain_s is not None:
        bound = "at most " if diagnosis.at_most else ""
        lines.append(f"Gain: {bound}{seconds(diagnosis.gain_s)} = {diagnosis.formula}")
    return tuple(lines)


def drift_table(drift: Drift) -> Grid:
    """Each run, oldest first, beside its prediction where there is one."""
    columns: list[tuple[str, Callable[[DriftPoint], str]]] = [
        ("run", lambda point: point.run_id[:SHORT_ID]),
        ("started (UTC)", lambda point: when(point.started_at_s)[5:]),
        ("way", lambda point: point.way),
        ("items", lambda point: f"{point.items:,}"),
        ("took", lambda point: seconds(point.observed_s)),
        ("predicted (90 %)", lambda p: interval(p.predicted_s) if p.predicted_s else "-"),
        ("error", lambda point: _error(point.error)),
        ("regret", lambda point: "-" if point.regret is None else percent(point.regret)),
        ("an item", lambda point: "-" if point.work_s is None else seconds(point.work_s)),
        ("overhead", lambda p: "-" if p.overhead_s is None else seconds(p.overhead_s)),
    ]
    told = [(name, [cell(point) for point in drift.points]) for name, cell in columns]
    # What is the same in every run is no column: a narrow terminal has room for the rest.
    shown = [
        (name, cells)
        for name, cells in told
        if set(cells) != {"-"} and not (name in {"way", "items"} and len(set(cells)) == 1)
    ]
    rows = zip(*(cells for _, cells in shown), strict=True)
    return Grid(tuple(name for name, _ in shown), tuple(rows))


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
    lines += [_change(change, drift.points) for change in drift.changes]
    if drift.changes and drift.median_error is not None:
        lines.append("The advice rests on what was before: `dynadvise profile` again.")
    if drift.thin:
        lines.append(drift.thin)
    elif not drift.changes:
        lines.append(
            "Neither the work nor the overhead changed (permutation test, false alarms "
            f"{percent(drift.false_alarm_rate)}, at least {drift.min_segment} runs on each side)."
        )
    return tuple(lines)


def ways_table(ways: Sequence[DelegatedWay]) -> Grid:
    """Batches and steps at once under an executor that cannot be run here."""
    rows = tuple(
        (
            f"{way.executor}, {way.max_concurrent} at once"
            + (f", batches of {way.batch_size}" if way.batch_size > 1 else "")
            + (" [now]" if way.current else ""),
            interval(way.predicted_s),
            f"{way.pods:,}",
        )
        for way in ways
    )
    return Grid(("way", "predicted (90 %)", "steps"), rows)


def learned_sentences(overhead: ObservedOverhead) -> tuple[str, ...]:
    """What the runs teach of the place where they ran."""
    lines: list[str] = []
    if overhead.in_process is not None:
        lines.append(f"in process: {seconds(overhead.in_process.step_s)} a step beside its work")
    for method, found in overhead.multiprocess.items():
        lines.append(
            f"multiprocess, {method.replace('_', ' ')}: launch {seconds(found.boot_s)}, prepare "
            f"{seconds(found.prepare_s)}, load {seconds(found.load_s)}, store "
            f"{seconds(found.finish_s)}, exit {seconds(found.exit_s)} a step"
        )
    for executor, delegated in overhead.delegated.items():
        poll = delegated.poll_interval_s
        lines.append(
            f"{executor}: start of a step {_spread(delegated.start_s)}, prepare "
            f"{_spread(delegated.prepare_s)}, load {_spread(delegated.load_s)}, store "
            f"{_spread(delegated.store_s)}"
            + (f", a freed slot taken after {_spread(poll)}" if poll else "")
            + f" ({count(delegated.steps, 'step')})"
        )
    return tuple(lines)


def heading(analysis: Analysis) -> str:
    """What was read."""
    jobs = sorted({run.job for run in analysis.runs})
    return printable(
        f"{count(len(analysis.runs), 'run')} of {', '.join(jobs)} in {analysis.instance}"
    )


def run_heading(run: RunAnalysis) -> str:
    """One run in a line."""
    return printable(
        f"Run {run.run_id[:SHORT_ID]} of {when(run.started_at_s)}: {run.job}, {run.status}, "
        f"{method_of(run)}, "
        f"{count(run.items, 'item')}, {seconds(run.totals.makespan_s)}, "
        f"{count(run.events, 'event')}"
    )


def when(at_s: float) -> str:
    """A moment, to the minute."""
    return datetime.fromtimestamp(at_s, timezone.utc).strftime("%Y-%m-%d %H:%M")


def _change(change: ChangePoint, points: Sequence[DriftPoint]) -> str:
    what = "work of an item" if change.quantity == "work" else "overhead of a step"
    ratio = change.after_s / change.before_s if change.before_s > 0 else float("inf")
    return (
        f"The {what} changed at run {change.run_id[:SHORT_ID]}: from {seconds(change.before_s)} to "
        f"{seconds(change.after_s)} ({ratio:.2g} times; p = {change.p_value:.2g})."
        + _errors_around(change, points)
    )


def _errors_around(change: ChangePoint, points: Sequence[DriftPoint]) -> str:
    """The predictions' error before and from the change on; empty where either is not known."""
    at = next(i for i, point in enumerate(points) if point.run_id == change.run_id)
    before, after = (
        [point.error for point in side if point.comparable and point.error is not None]
        for side in (points[:at], points[at:])
    )
    if not before or not after:
        return ""
    return f" The predictions' error went from {_error(median(before))} to {_error(median(after))}."


def _steps(op: OpStatistics) -> str:
    failed = f", {op.failed} failed" if op.failed else ""
    return f"{op.steps:,}{failed}"


def _spread(value: Spread, steps: int = 2) -> str:
    if steps < 2:
        return seconds(value.median)
    return f"{seconds(value.median)} ({seconds(value.p10)} to {seconds(value.p90)})"


def _signed(value_s: float) -> str:
    return f"-{seconds(-value_s)}" if value_s < 0 else seconds(value_s)


def _error(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{'+' if value >= 0 else '-'}{percent(abs(value))}"
