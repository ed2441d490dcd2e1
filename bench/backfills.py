"""Backfills under a real dagster-daemon on Postgres, beside what `dynadvise plan` says of them.

Twelve partitions of four items, at 1, 2 and 4 runs in parallel. Items, a run's own overhead and its
start are learned from a backfill of three other runs, one at a time (`profile_from_runs`).
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml
from backfill_jobs import PARTITIONS
from dagster import DagsterInstance, DagsterRunStatus
from postgres_server import binaries, postgres, url

from advisor.api.analyze import AnalyzeOptions, read_profile_from_runs
from advisor.api.plan import PlanOptions, plan
from advisor.domain.options import AdviseOptions
from advisor.store import SavedProfile

HERE = Path(__file__).resolve().parent
DEQUEUE_S = 2.0
LEARNED_FROM = PARTITIONS[:3]
_WITHIN_S = 300.0
_ENDED = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}


@contextmanager
def daemon(home: Path, port: int, runs_at_once: int) -> Iterator[DagsterInstance]:
    """A dagster-daemon with its code server; gone afterwards."""
    settings = {
        "telemetry": {"enabled": False},
        "storage": {"postgres": {"postgres_url": url(port)}},
        "run_coordinator": {
            "module": "dagster",
            "class": "QueuedRunCoordinator",
            "config": {
                "max_concurrent_runs": runs_at_once,
                "dequeue_interval_seconds": int(DEQUEUE_S),
            },
        },
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with (home / "daemon.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", *_workspace()],
            env=_environment(home),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with DagsterInstance.from_config(str(home)) as instance:
            yield instance
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _workspace() -> list[str]:
    return ["-m", "backfill_jobs", "-d", str(HERE)]


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(HERE)}


def backfilled(instance: DagsterInstance, home: Path, partitions: Sequence[str]) -> float:
    """Seconds from the first run's creation to the last one's end."""
    before = {run.run_id for run in instance.get_runs()}
    subprocess.run(
        [sys.executable, "-m", "dagster", "job", "backfill", *_workspace(), "-j", "partitioned",
         "--partitions", ",".join(partitions), "--noprompt"],
        env=_environment(home), check=True, capture_output=True,
    )  # fmt: skip
    until_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < until_s:
        records = [r for r in instance.get_run_records() if r.dagster_run.run_id not in before]
        statuses = [record.dagster_run.status for record in records]
        if len(records) == len(partitions) and _ENDED.issuperset(statuses):
            assert set(statuses) == {DagsterRunStatus.SUCCESS}, statuses
            begun_s = min(record.create_timestamp.timestamp() for record in records)
            return max(record.end_time or 0.0 for record in records) - begun_s
        time.sleep(0.5)
    raise AssertionError(f"the backfill did not end: {(home / 'daemon.log').read_text()[-2000:]}")


def learned(instance: DagsterInstance, home: Path) -> tuple[SavedProfile, float]:
    """The job as three runs show it, and what a run took from its dequeuing to its begin."""
    backfilled(instance, home, LEARNED_FROM)
    starts = []
    for record in instance.get_run_records():
        events = instance.all_logs(record.dagster_run.run_id)
        at = {e.dagster_event.event_type_value: e.timestamp for e in events if e.dagster_event}
        starts.append(at["PIPELINE_START"] - at["PIPELINE_STARTING"])
    return read_profile_from_runs(AnalyzeOptions(instance=home, last=3)), statistics.median(starts)


def predicted_s(saved: SavedProfile, start_s: float, runs_at_once: int) -> float:
    """Of `plan`, with a run per partition and the job's code as it is."""
    asked = PlanOptions(
        len(PARTITIONS),
        AdviseOptions(items=4, change="config"),
        runs_at_once=runs_at_once,
        run_start_s=start_s,
        dequeue_interval_s=DEQUEUE_S,
    )
    alike = (1, runs_at_once)
    cuts = plan(saved, asked).cuts
    found = next(cut for cut in cuts if (cut.partitions_per_run, cut.runs_at_once) == alike)
    return found.makespan_s.median


def measure(numbers: Sequence[int], until_s: float) -> Iterator[dict[str, float]]:
    """Real and predicted seconds of a backfill at each of these numbers of runs in parallel.

    All on one server, of which one backfill was learned from. None is begun that is predicted to
    last beyond ``until_s`` of the monotonic clock.

    Raises:
        FileNotFoundError: There is no Postgres here.
    """
    if binaries() is None:
        raise FileNotFoundError("Postgres is not installed")
    with postgres() as port, tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as folder:
        home = Path(folder)
        with daemon(home, port, 1) as instance:
            saved, start_s = learned(instance, home)
        for number in numbers:
            expected_s = predicted_s(saved, start_s, number)
            if time.monotonic() + expected_s > until_s:
                continue
            with daemon(home, port, number) as instance:
                real_s = backfilled(instance, home, PARTITIONS)
            yield {"runs_at_once": number, "real_s": real_s, "predicted_s": expected_s,
                   "run_start_s": start_s}  # fmt: skip
