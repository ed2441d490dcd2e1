"""Which past runs of a Dagster instance are read, and what of them cannot be."""

from dataclasses import dataclass
from pathlib import Path

from advisor.dagster_bridge.event_log import RunRow, RunSource, assemble_run
from advisor.dagster_bridge.event_log.rows import BACKFILL_TAG
from advisor.dagster_bridge.recorded_instance import open_instance_read_only
from advisor.domain.backfill import BackfillTimes
from advisor.domain.errors import DynadviseError
from advisor.domain.observed import ObservedRun
from advisor.history.backfills import RunMoments, backfill_times


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs of an instance.

    Attributes:
        instance: Folder of the Dagster instance (a ``DAGSTER_HOME``).
        run_ids: Their ids, or the first 6 characters and more; empty: the newest.
        job: Only runs of this job; None: of the newest run's.
        last: How many of the newest runs.
    """

    instance: Path
    run_ids: tuple[str, ...] = ()
    job: str | None = None
    last: int = 1
    backfill: str | None = None


@dataclass(frozen=True, slots=True)
class PastRuns:
    """Runs of one job, newest first.

    Attributes:
        rows: The runs as the instance's table tells of them.
        unread: What is to be said of those whose log cannot be read.
    """

    rows: tuple[RunRow, ...]
    runs: tuple[ObservedRun, ...]
    unread: tuple[str, ...] = ()


def read_runs(selection: Selection) -> PastRuns:
    """The chosen runs; the instance is opened for reading only.

    Raises:
        DynadviseError: The instance cannot be read, there is no such run or job, or a run that was
            named cannot be read, or none of the newest can.
    """
    source = open_instance_read_only(selection.instance)
    rows: list[RunRow] = []
    runs: list[ObservedRun] = []
    faults: list[DynadviseError] = []
    for row in _chosen(source, selection):
        run = read_run(source, row)
        if isinstance(run, DynadviseError):
            faults.append(run)
        else:
            rows.append(row)
            runs.append(run)
    if faults and (selection.run_ids or not runs):
        raise faults[0]
    unread = tuple(f"Left out: {fault.where}: {fault.what}" for fault in faults)
    return PastRuns(tuple(rows), tuple(runs), unread)


def read_run(source: RunSource, row: RunRow) -> ObservedRun | DynadviseError:
    """A run from its log, or why that cannot be read."""
    try:
        return assemble_run(row, source.event_rows(row.run_id))
    except DynadviseError as error:
        return error


def _chosen(source: RunSource, selection: Selection) -> list[RunRow]:
    where = str(selection.instance)
    if selection.run_ids:
        rows = [_named(source, run_id, where) for run_id in selection.run_ids]
        return sorted(rows, key=lambda row: -row.created_at_s)
    if selection.backfill is not None:
        return _of_backfill(source, selection.backfill, where)[: selection.last]
    job = selection.job
    if job is None:
        newest = source.run_rows(None, 1)
        if not newest:
            raise DynadviseError(
                "The instance holds no runs.",
                where=where,
                hint="Is it the right one? --instance DIR, or DAGSTER_HOME.",
            )
        job = newest[0].job
    rows = source.run_rows(job, selection.last)
    if not rows:
        jobs = sorted({row.job for row in source.run_rows(None, 200)})
        raise DynadviseError(
            f"The instance holds no runs of {job!r}.",
            where=where,
            hint=f"Jobs with runs: {', '.join(jobs)}" if jobs else "It holds no runs at all.",
        )
    return rows


def read_backfill(selection: Selection, backfill_id: str) -> BackfillTimes:
    """What all runs of a backfill took, from their events.

    Raises:
        DynadviseError: The instance cannot be read, or has no run of it.
    """
    source = open_instance_read_only(selection.instance)
    rows = _of_backfill(source, backfill_id, str(selection.instance))
    moments = [RunMoments.of(source.event_rows(row.run_id)) for row in rows]
    return backfill_times(backfill_id, rows[0].job, moments)


def _of_backfill(source: RunSource, backfill_id: str, where: str) -> list[RunRow]:
    rows = source.backfill_rows(backfill_id)
    if rows:
        return rows
    tags = [row.tags.get(BACKFILL_TAG) for row in source.run_rows(None, 200)]
    newest = ", ".join(dict.fromkeys(tag for tag in tags if tag))
    raise DynadviseError(
        f"The instance holds no run of a backfill {backfill_id!r}.",
        where=where,
        hint=f"Newest backfills: {newest}" if newest else "Its newest 200 runs are of no backfill.",
    )


def _named(source: RunSource, run_id: str, where: str) -> RunRow:
    row = source.run_row(run_id)
    if row is None:
        newest = ", ".join(f"{row.run_id} ({row.job})" for row in source.run_rows(None, 5))
        raise DynadviseError(
            f"The instance has no run {run_id!r} (or several whose ids begin so).",
            where=where,
            hint=f"Newest runs: {newest}" if newest else "It holds no runs at all.",
        )
    return row
