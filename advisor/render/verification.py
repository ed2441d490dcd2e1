"""Real runs beside their predictions: the seed's table; on one screen, whether the advice held."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

from advisor.domain.candidate import Candidate
from advisor.domain.quantities import (
    Interval,
    change,
    count,
    interval,
    multiple,
    percent,
    seconds,
)
from advisor.domain.verification import LeftOut, Role, Verification, VerifiedRun
from advisor.render.document import (
    Column,
    Document,
    Heading,
    Headline,
    ListBlock,
    Row,
    Table,
    Tone,
    and_more,
)

COLUMNS = (
    Column("Method", left=True),
    *map(Column, ("Total", "Work", "Overhead", "Efficiency", "Predicted (90 %)", "Error")),
)


class NoFigures(Enum):
    """Why a configuration has no figures, as its row says it."""

    FAILED = "failed"
    UNLIKE = "not compared"
    NOT_RUN = "not run"


_LACKING = {each: f"was {each.value}" for each in NoFigures} | {NoFigures.FAILED: "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRow:
    """One configuration in figures (seconds; medians over its runs).

    Attributes:
        overhead_s: Wall clock in which no item was being computed.
        efficiency: The baseline's total over this one's.
        error: Predicted over measured, less 1; None without a prediction.
        inside: How many of the runs lie within the predicted interval.
        failed: Why it has no figures; None where it has.
        lacks: The kind of that.
        roles: Its parts in the advice that were asked for.
        measured: Its runs.
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
    lacks: NoFigures | None = None
    roles: tuple[Role, ...] = ()
    candidate: Candidate
    measured: tuple[VerifiedRun, ...]

    @property
    def as_predicted(self) -> bool:
        """Whether the median lies within the predicted interval, where there is one."""
        if self.low_s is None or self.high_s is None:
            return True
        return self.low_s <= self.total_s <= self.high_s


def rows_of(verifications: Sequence[Verification]) -> tuple[VerifiedRow, ...]:
    """One row a configuration, fastest first; the failed ones last.

    The baseline of the efficiency is ``execute_in_process`` where it was run, else the current
    configuration, Dagster's default, or the first.
    """
    base = _baseline_s(verifications)
    rows = [_row(verification, base) for verification in verifications]
    return tuple(sorted(rows, key=lambda row: (row.failed is not None, row.total_s)))


def _walls(verification: Verification) -> list[float]:
    return [run.wall_s for run in verification.runs if run.counts]


def _baseline_s(verifications: Sequence[Verification]) -> float:
    def rank(verification: Verification) -> int:
        if verification.candidate.launch == "execute_in_process":
            return int(verification.candidate.needs_code) * 3
        if "current" in verification.roles:
            return 1
        return 2 if "default" in verification.roles else 4

    finished = [verification for verification in verifications if _walls(verification)]
    return median(_walls(min(finished, key=rank))) if finished else 0.0


def _row(verification: Verification, base_s: float) -> VerifiedRow:
    walls, predicted = _walls(verification), verification.predicted_s
    lacks, reason = _lack(verification)
    total = median(walls) if walls else 0.0
    work = median(run.work_s for run in verification.runs if run.counts) if walls else 0.0
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
        failed=reason,
        lacks=lacks,
        roles=verification.roles,
        candidate=verification.candidate,
        measured=verification.runs,
    )


def _lack(verification: Verification) -> tuple[NoFigures | None, str | None]:
    """Why it has no figures: a run that failed, or none that did the same work as others."""
    for run in verification.runs:
        if run.failed is not None:
            return NoFigures.FAILED, run.failed
    if any(run.counts for run in verification.runs):
        return None, None
    if verification.runs:
        return NoFigures.UNLIKE, verification.runs[0].unlike
    return NoFigures.NOT_RUN, "it has no run"


# --- the document ------------------------------------------------------------------------------


def verification_document(
    verifications: Sequence[Verification], job: str, *, left_out: Sequence[LeftOut] = ()
) -> Document:
    """The table and what it does not say by itself; with those that were not run."""
    rows = rows_of(verifications)
    counts = {row.runs for row in rows if not row.failed}
    times = f" (medians of {max(counts)} runs)" if max(counts, default=1) > 1 else ""
    table = Table(
        COLUMNS,
        tuple(
            Row(_cells(row), tone="bad" if row.failed else "", strong=row is rows[0])
            for row in rows
        ),
    )
    title = Heading(f"{job}: real runs and predictions{times}", level=1)
    lines = (*_content_notes(verifications), *_notes(rows, left_out))
    return Document((title, table, ListBlock(lines)))


def _content_notes(verifications: Sequence[Verification]) -> list[str]:
    """What the runs did otherwise than they should: other work, skipped steps, errors, results."""
    lines = []
    for verification in verifications:
        name = verification.name
        unlike = [run.unlike for run in verification.runs if run.unlike]
        done = [run.content for run in verification.runs if run.content]
        if unlike:
            lines.append(
                f"{len(unlike)} of {len(verification.runs)} runs of {name} did other work and are"
                f" neither compared nor stored: {unlike[0]}. Give every run the same work: --setup"
                " puts it back before each, --inputs names the items."
            )
        if missed := max((c.planned_steps - c.steps for c in done), default=0):
            lines.append(f"{name}: {missed} of {done[0].planned_steps} planned steps did not run.")
        if errors := sum(c.errors for c in done):
            lines.append(f"{name}: its ops logged {errors} errors in {len(done)} runs.")
    return lines + _result_notes(verifications)


def _result_notes(verifications: Sequence[Verification]) -> list[str]:
    """Whether ways that each give the same result every time differ from one another."""
    results = {
        verification.name: {r.content.result for r in verification.runs if r.counts and r.content}
        for verification in verifications
    }
    sure = {
        name: hashes for name, hashes in results.items() if len(hashes) == 1 and None not in hashes
    }
    if len(set().union(*sure.values())) < 2:
        return []
    first, *others = sure
    other = next(name for name in others if sure[name] != sure[first])
    return [f"The collected result of {other} differs from that of {first}."]


def _efficiency(row: VerifiedRow) -> str:
    if 0.95 <= row.efficiency <= 1.05:
        return "1x"
    if row.efficiency > 1:
        return multiple(row.efficiency)
    return f"{multiple(row.efficiency)} ({multiple(1 / row.efficiency)} slower)"


def _cells(row: VerifiedRow) -> tuple[str, ...]:
    name = _labelled(row)
    if row.lacks is not None:
        return (name, row.lacks.value, "-", "-", "-", _interval_of(row), "-")
    return (
        name,
        seconds(row.total_s),
        seconds(row.work_s),
        seconds(row.overhead_s),
        _efficiency(row),
        _interval_of(row),
        change(row.error) if row.error is not None else "-",
    )


def _labelled(row: VerifiedRow) -> str:
    """A configuration by its parts in the advice and by how it ran."""
    return f"{row.name}: {row.method}" if row.roles else row.method


def _interval_of(row: VerifiedRow) -> str:
    """What was predicted, with its 90 % interval."""
    if row.predicted_s is None or row.low_s is None or row.high_s is None:
        return "-"
    return interval(Interval(row.predicted_s, row.low_s, row.high_s))


def _notes(rows: Sequence[VerifiedRow], left_out: Sequence[LeftOut]) -> list[str]:
    lines = [*_without_figures(rows, left_out), *_accuracy(rows)]
    spreads = [row.most_s / row.least_s - 1.0 for row in rows if row.runs > 1 and row.least_s]
    if spreads:
        lines.append(
            f"Runs of the same configuration differ by {percent(median(spreads))} (median)."
        )
    lines.append(
        "Work: time in which at least one item was being computed (as predicted, where a run "
        "leaves no event log). Overhead: the rest."
    )
    return lines


def _without_figures(rows: Sequence[VerifiedRow], left_out: Sequence[LeftOut]) -> list[str]:
    """What failed or was not run, and why."""
    lines = [
        f"{row.name} {_LACKING[row.lacks]}: {row.failed}" for row in rows if row.lacks is not None
    ]
    return lines + [f"{each.name} was left out: {each.reason}" for each in left_out]


def _accuracy(rows: Sequence[VerifiedRow]) -> list[str]:
    """How far predicted and measured times differ, in one sentence; none without predictions."""
    errors = [abs(row.error) for row in rows if row.error is not None]
    runs = sum(row.runs for row in rows if row.predicted_s is not None)
    if not errors or not runs:
        return []
    inside = sum(row.inside for row in rows)
    differ = f"differ by {percent(median(errors))} (median of {len(errors)})"
    within = f"{inside} of {runs} runs lie within the predicted interval"
    return [f"Predicted and measured {differ}; {within}."]


# --- the screen --------------------------------------------------------------------------------

NEAR = 0.03
"""Ways this close to the fastest are told apart neither by the advice nor here."""
MOST_NOTES = 5

_NONE: dict[NoFigures | None, str] = {
    NoFigures.FAILED: "no run succeeded",
    NoFigures.UNLIKE: "no two runs did the same work",
}
_UNCHECKED = {
    NoFigures.UNLIKE: "the runs of the advised configuration did other work than the rest",
    NoFigures.NOT_RUN: "the advised configuration was not run",
}

_COLUMNS = (
    Column("configuration", left=True),
    *map(Column, ("measured", "predicted (90 %)", "error")),
)


def verification_screen(
    verifications: Sequence[Verification], job: str, *, left_out: Sequence[LeftOut] = ()
) -> Document:
    """The verdict, measured and predicted time of each way, and what went wrong."""
    rows = rows_of(verifications)
    verdict, tone = _verdict(rows)
    runs = max((row.runs for row in rows), default=0)
    notes = [*_content_notes(verifications), *_without_figures(rows, left_out), *_accuracy(rows)]
    more = count(len(notes) - MOST_NOTES, "more note") if len(notes) > MOST_NOTES else ""
    of = f"{job}: medians of {count(runs, 'run')}" if runs > 1 else f"{job}: one run of each"
    return Document(
        (
            Headline(verdict, (f"{of}.",), tone),
            Table(_COLUMNS, tuple(_screen_row(row, strong=row is rows[0]) for row in rows)),
            ListBlock(tuple(notes[:MOST_NOTES])),
        ),
        more=and_more(more, "work, overhead and efficiency"),
    )


def _screen_row(row: VerifiedRow, *, strong: bool) -> Row:
    figures = (
        seconds(row.total_s) if row.lacks is None else row.lacks.value,
        _interval_of(row),
        "-" if row.error is None else change(row.error),
    )
    return Row((_labelled(row), *figures), "bad" if row.failed is not None else "", strong)


def _verdict(rows: Sequence[VerifiedRow]) -> tuple[str, Tone]:
    """Whether the advised way was the fastest of those that ran, as far as runs can tell."""
    measured = [row for row in rows if row.failed is None]
    advised = next((row for row in rows if "advised" in row.roles), None)
    if not measured:
        lacks = rows[0].lacks if rows else None
        return f"Nothing could be compared: {_NONE.get(lacks, 'nothing was run')}.", "bad"
    fastest = measured[0]
    if advised is None:
        return f"Fastest: {_labelled(fastest)}, {seconds(fastest.total_s)}.", ""
    if advised.lacks is NoFigures.FAILED:
        return "The advice did not hold: the advised configuration failed.", "bad"
    if advised.lacks is not None:
        return f"The advice could not be checked: {_UNCHECKED[advised.lacks]}.", "warn"
    times = f"{seconds(advised.total_s)} measured"
    if advised.predicted_s is not None:
        times += f", {_interval_of(advised)} predicted"
        times += "" if advised.as_predicted else ", outside the interval"
    behind = advised.total_s / fastest.total_s - 1.0
    if behind > NEAR and advised.least_s > fastest.most_s:
        return (
            f"The advice did not hold: {times}; {_labelled(fastest)} took "
            f"{seconds(fastest.total_s)}."
        ), "bad"
    held = "The advice held" if advised.as_predicted else "It was the fastest"
    return f"{held}: {times}{_gain(advised, rows)}.", "good"


def _gain(advised: VerifiedRow, rows: Sequence[VerifiedRow]) -> str:
    now = next((row for row in rows if "current" in row.roles and row.failed is None), None)
    if now is None or now is advised:
        return ""
    return f"; {multiple(now.total_s / advised.total_s)} faster than now ({seconds(now.total_s)})"
