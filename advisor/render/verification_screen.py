"""Whether the advice held, on one screen."""

from collections.abc import Sequence

from advisor.domain.quantities import change, count, multiple, seconds
from advisor.domain.verification import LeftOut, Verification
from advisor.render.document import Column, Document, Headline, ListBlock, Row, Table, Tone
from advisor.render.verification import (
    NoFigures,
    VerifiedRow,
    accuracy,
    content_notes,
    interval_of,
    labelled,
    rows_of,
    without_figures,
)

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
    Column("configuration", left=True, wrap=True),
    *map(Column, ("measured", "predicted (90 %)", "error")),
)


def verification_screen(
    verifications: Sequence[Verification], job: str, *, left_out: Sequence[LeftOut] = ()
) -> Document:
    """The verdict, measured and predicted time of each way, and what went wrong."""
    rows = rows_of(verifications)
    verdict, tone = _verdict(rows)
    runs = max((row.runs for row in rows), default=0)
    notes = [*content_notes(verifications), *without_figures(rows, left_out), *accuracy(rows)]
    more = f"{count(len(notes) - MOST_NOTES, 'more note')}, w" if len(notes) > MOST_NOTES else "W"
    of = f"{job}: medians of {count(runs, 'run')}" if runs > 1 else f"{job}: one run of each"
    return Document(
        (
            Headline(verdict, (f"{of}.",), tone),
            Table(_COLUMNS, tuple(_row(row, strong=row is rows[0]) for row in rows)),
            ListBlock(tuple(notes[:MOST_NOTES])),
        ),
        more=f"{more}ork, overhead and efficiency",
    )


def _row(row: VerifiedRow, *, strong: bool) -> Row:
    figures = (
        seconds(row.total_s) if row.lacks is None else row.lacks.value,
        interval_of(row),
        "-" if row.error is None else change(row.error),
    )
    return Row((labelled(row), *figures), "bad" if row.failed is not None else "", strong)


def _verdict(rows: Sequence[VerifiedRow]) -> tuple[str, Tone]:
    """Whether the advised way was the fastest of those that ran, as far as runs can tell."""
    measured = [row for row in rows if row.failed is None]
    advised = next((row for row in rows if "advised" in row.roles), None)
    if not measured:
        lacks = rows[0].lacks if rows else None
        return f"Nothing could be compared: {_NONE.get(lacks, 'nothing was run')}.", "bad"
    fastest = measured[0]
    if advised is None:
        return f"Fastest: {labelled(fastest)}, {seconds(fastest.total_s)}.", ""
    if advised.lacks is NoFigures.FAILED:
        return "The advice did not hold: the advised configuration failed.", "bad"
    if advised.lacks is not None:
        return f"The advice could not be checked: {_UNCHECKED[advised.lacks]}.", "warn"
    times = f"{seconds(advised.total_s)} measured"
    if advised.predicted_s is not None:
        times += f", {interval_of(advised)} predicted"
        times += "" if advised.as_predicted else ", outside the interval"
    behind = advised.total_s / fastest.total_s - 1.0
    if behind > NEAR and advised.least_s > fastest.most_s:
        return (
            f"The advice did not hold: {times}; {labelled(fastest)} took "
            f"{seconds(fastest.total_s)}."
        ), "bad"
    held = "The advice held" if advised.as_predicted else "It was the fastest"
    return f"{held}: {times}{_gain(advised, rows)}.", "good"


def _gain(advised: VerifiedRow, rows: Sequence[VerifiedRow]) -> str:
    now = next((row for row in rows if "current" in row.roles and row.failed is None), None)
    if now is None or now is advised:
        return ""
    return f"; {multiple(now.total_s / advised.total_s)} faster than now ({seconds(now.total_s)})"
