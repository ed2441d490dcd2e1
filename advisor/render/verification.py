"""Real runs beside their predictions: the seed's table, as text, Markdown or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from advisor.domain.verification import Verification


@dataclass(frozen=True, slots=True)
class VerifiedRow:
    """One configuration in figures (seconds; medians over its runs).

    Attributes:
        overhead_s: Wall clock in which no item was being computed.
        efficiency: The baseline's total over this one's.
        error: Predicted over measured, less 1; None without a prediction.
        inside: How many of the runs lie within the predicted interval.
        failed: Why it has no figures; None where it has.
    """

    name: str
    method: str
    runs: int
    total_s: float
    least_s: float
    most_s: float
    work_s: float
    overhead_s: float
    efficiency: float
    predicted_s: float | None
    low_s: float | None
    high_s: float | None
    error: float | None
    inside: int
    failed: str | None = None


def rows_of(verifications: Sequence[Verification]) -> tuple[VerifiedRow, ...]:
    """One row a configuration, fastest first; the failed ones last.

    The baseline of the efficiency is ``execute_in_process`` where it was run, else the current
    configuration, Dagster's default, or the first.
    """
    base = _baseline_s(verifications)
    rows = [_row(verification, base) for verification in verifications]
    return tuple(sorted(rows, key=lambda row: (row.failed is not None, row.total_s)))


def _walls(verification: Verification) -> list[float]:
    return [run.wall_s for run in verification.runs if run.failed is None]


def _baseline_s(verifications: Sequence[Verification]) -> float:
    def rank(verification: Verification) -> int:
        if verification.candidate.launch == "execute_in_process":
            return int(verification.candidate.needs_code) * 3
        return {"current": 1, "default": 2}.get(verification.name, 4)

    finished = [verification for verification in verifications if _walls(verification)]
    return median(_walls(min(finished, key=rank))) if finished else 0.0


def _row(verification: Verification, base_s: float) -> VerifiedRow:
    walls, predicted = _walls(verification), verification.predicted_s
    failures = [run.failed for run in verification.runs if run.failed is not None]
    if not verification.runs:
        failures = ["it was not run"]
    total = median(walls) if walls else 0.0
    work = median(run.work_s for run in verification.runs if run.failed is None) if walls else 0.0
    inside = sum(predicted.low <= wall <= predicted.high for wall in walls) if predicted else 0
    return VerifiedRow(
        name=verification.name,
        method=verification.candidate.label,
        runs=len(walls),
        total_s=total,
        least_s=min(walls, default=0.0),
        most_s=max(walls, default=0.0),
        work_s=work,
        overhead_s=max(0.0, total - work),
        efficiency=base_s / total if total else 0.0,
        predicted_s=predicted.median if predicted else None,
        low_s=predicted.low if predicted else None,
        high_s=predicted.high if predicted else None,
        error=predicted.median / total - 1.0 if predicted and total else None,
        inside=inside,
        failed=failures[0] if failures else None,
    )


# --- wording -----------------------------------------------------------------------------------

HEAD = ("Method", "Total", "Work", "Overhead", "Efficiency", "Predicted (90 %)", "Error")


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def _efficiency(row: VerifiedRow) -> str:
    if 0.95 <= row.efficiency <= 1.05:
        return "1x"
    if row.efficiency > 1:
        return f"{row.efficiency:.1f}x"
    return f"{row.efficiency:.1g}x ({1 / row.efficiency:.2g}x slower)"


def cells(row: VerifiedRow) -> tuple[str, ...]:
    """The row as the table shows it."""
    is_asked_by_name = row.name.replace("-", "").replace(", ", "").isalpha()
    name = f"{row.name}: {row.method}" if is_asked_by_name else row.method
    if row.failed is not None:
        return (name, "failed", "-", "-", "-", _predicted(row), "-")
    return (
        name,
        _seconds(row.total_s),
        _seconds(row.work_s),
        _seconds(row.overhead_s),
        _efficiency(row),
        _predicted(row),
        f"{100 * row.error:+.1f} %" if row.error is not None else "-",
    )


def _predicted(row: VerifiedRow) -> str:
    if row.predicted_s is None or row.low_s is None or row.high_s is None:
        return "-"
    return f"{_seconds(row.predicted_s)} ({row.low_s:.1f} to {row.high_s:.1f})"


def notes(rows: Sequence[VerifiedRow], left_out: Sequence[tuple[str, str]]) -> list[str]:
    """What the table does not say by itself."""
    lines = [f"{row.name} failed: {row.failed}" for row in rows if row.failed is not None]
    lines += [f"{name} was left out: {reason}" for name, reason in left_out]
    errors = [abs(row.error) for row in rows if row.error is not None]
    runs = sum(row.runs for row in rows if row.predicted_s is not None)
    if errors and runs:
        inside = sum(row.inside for row in rows)
        lines.append(
            f"Predicted and measured differ by {100 * median(errors):.1f} % (median of "
            f"{len(errors)}); {inside} of {runs} runs lie within the predicted interval."
        )
    spreads = [row.most_s / row.least_s - 1.0 for row in rows if row.runs > 1 and row.least_s]
    if spreads:
        lines.append(
            f"Runs of the same configuration differ by {100 * median(spreads):.1f} % (median)."
        )
    lines.append(
        "Work: wall clock in which at least one item was being computed (as predicted, where a run "
        "leaves no event log). Overhead: the rest."
    )
    return lines


# --- forms -------------------------------------------------------------------------------------


def to_text(
    verifications: Sequence[Verification],
    job: str,
    *,
    left_out: Sequence[tuple[str, str]] = (),
    width: int = 100,
    color: bool = False,
) -> str:
    """The table for a terminal."""
    from io import StringIO

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = rows_of(verifications)
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title in HEAD:
        if title == "Method":
            shown.add_column(title, min_width=18, overflow="fold")
        else:
            shown.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        style = "red" if row.failed else ("bold" if row is rows[0] else "")
        shown.add_row(*(Text(cell) for cell in cells(row)), style=style)
    stream = StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
    )
    counts = {row.runs for row in rows if not row.failed}
    times = f" (medians of {max(counts)} runs)" if max(counts, default=1) > 1 else ""
    console.print(f"{job}: real runs beside what was predicted{times}")
    console.print(shown)
    for line in notes(rows, left_out):
        console.print(line)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def to_markdown(
    verifications: Sequence[Verification], job: str, *, left_out: Sequence[tuple[str, str]] = ()
) -> str:
    """The table for a pull request or a page."""
    rows = rows_of(verifications)
    lines = [f"### {_escaped(job)}: real runs beside what was predicted", ""]
    lines.append("| " + " | ".join(HEAD) + " |")
    lines.append("| --- |" + " ---: |" * (len(HEAD) - 1))
    lines += ["| " + " | ".join(map(_escaped, cells(row))) + " |" for row in rows]
    lines += ["", *(f"- {_escaped(line)}" for line in notes(rows, left_out))]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
