"""The use case behind ``dynadvise scan``: one line per job of an instance; nothing is run."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.dagster_bridge.event_log import RunRow, RunSource
from advisor.dagster_bridge.recorded_instance import open_instance_read_only
from advisor.domain.errors import DynadviseError
from advisor.domain.observed import ObservedRun
from advisor.domain.overhead import OverheadModel
from advisor.domain.scan import Scan, ScannedJob
from advisor.history.reading import read_run
from advisor.measure.workspace import workspace

MOST_RUNS = 20_000
"""Newest runs of the instance that are looked at."""
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What ``scan`` is asked.

    Attributes:
        instance: Folder of the Dagster instance (a ``DAGSTER_HOME``).
        days: How far back, from now.
        last: Logs to read per job, the newest ones; further runs are counted alone.
        profiles_dir: Where profiles live: a job's own tells what a warm start takes.
    """

    instance: Path
    days: float = 30.0
    last: int = 10
    profiles_dir: Path = Path("profiles")


@workspace()
def scan(options: ScanOptions) -> Scan:
    """Every job with runs in the period, most seconds to be saved by config alone first.

    Raises:
        DynadviseError: The instance cannot be read, or holds no runs in the period.
    """
    source = open_instance_read_only(options.instance)
    since_s = time.time() - options.days * _DAY_S
    by_job: dict[str, list[RunRow]] = defaultdict(list)
    for row in source.run_rows(None, MOST_RUNS):
        if row.created_at_s >= since_s:
            by_job[row.job].append(row)
    if not by_job:
        raise DynadviseError(
            f"The instance holds no runs of the last {options.days:g} days.",
            where=str(options.instance),
            hint="--days looks further back; --instance DIR or DAGSTER_HOME names the instance.",
        )
    calibrations = _calibrations(options.profiles_dir)
    unread: list[str] = []
    jobs = [
        line
        for job, rows in by_job.items()
        if (line := _line(source, rows, options.last, calibrations.get(job), unread))
    ]
    jobs.sort(key=lambda line: (-line.saving_s, -line.overhead_s, line.job))
    return Scan(str(options.instance), options.days, tuple(jobs), tuple(unread))


def _line(
    source: RunSource,
    rows: list[RunRow],
    last: int,
    overhead: OverheadModel | None,
    unread: list[str],
) -> ScannedJob | None:
    """One job's line; None where none of its runs ended or can be read, which ``unread`` tells."""
    from advisor.history.scanning import scanned_job

    ended = [row for row in rows if row.status in {"success", "failure", "canceled"}]
    # Runs that succeeded tell most; of others only how often they were.
    chosen = sorted(ended, key=lambda row: row.status != "success")[:last]
    runs = list(_read(source, chosen, unread))
    if not runs:
        if not chosen:
            unread.append(f"{rows[0].job}: no run of it has ended.")
        return None
    target = next((row.target.spelled for row in rows if row.target is not None), None)
    job = rows[0].job
    return scanned_job(
        runs,
        runs_in_period=len(ended),
        failed=sum(row.status == "failure" for row in ended),
        target=target if target is None or ":" in target else f"{target} --job {job}",
        overhead=overhead,
    )


def _read(source: RunSource, rows: list[RunRow], unread: list[str]) -> Iterator[ObservedRun]:
    for row in rows:
        run = read_run(source, row)
        if isinstance(run, DynadviseError):
            unread.append(f"{row.job}: {run.where}: {run.what}")
        elif run.steps:
            yield run
        else:
            unread.append(f"{row.job}: run {row.run_id[:8]} logged no step.")


def _calibrations(folder: Path) -> Mapping[str, OverheadModel]:
    """Overheads of the saved profiles, by job."""
    from advisor import store

    profiles = store.readable_profiles(folder)
    return {saved.description.job_name or "": saved.overhead for saved in profiles}
