"""Other storages than SQLite here: predicted from a calibration on each, against real runs.

A Postgres of the benchmark's own behind a proxy that delays its answers by 0, 5 and 20 ms, and an
IO manager with a fixed delay a call on SQLite; 1 to 8 steps in parallel. What is measured already
is not measured again.

``python bench/storages.py [--storage NAME]`` writes docs/storages.md.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from postgres_server import delayed, postgres, url

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "storages.json"
PAGE = HERE.parent / "docs" / "storages.md"
WAYS = ("in_process", "warm:1", "warm:2", "warm:4", "warm:8")
POSTGRES_MS = {"postgres, 0 ms": 0, "postgres, 5 ms": 5, "postgres, 20 ms": 20}
SLOW_FILES = "IO manager, 200 ms a call"
RUN_TIMEOUT_S = 300.0


@contextmanager
def server(storage: str) -> Iterator[str | None]:
    """The URL of a storage's Postgres server; None on SQLite."""
    if storage not in POSTGRES_MS:
        yield None
        return
    with postgres() as port, delayed(port, POSTGRES_MS[storage] / 1000) as proxy:
        yield url(proxy)


def profiled(storage: str, scratch: str | None) -> Any:
    """The profile of the storage's job, calibrated on it."""
    from advisor.api.calibrating import calibrate_host
    from advisor.api.profile import profile
    from advisor.domain.options import (
        MeasureOptions,
        ProfileOptions,
        ProfilesOptions,
        WorkloadOptions,
    )

    job = "slow_files_job" if storage == SLOW_FILES else "waits_job"
    workload = WorkloadOptions(f"storage_jobs:{job}", working_directory=HERE)
    calibrate_host(workload, recalibrate=True, scratch_postgres=scratch)
    asked = ProfileOptions(
        workload,
        measure=MeasureOptions(scratch_postgres=scratch, allow_side_effects=True),
        profiles=ProfilesOptions(save=False),
    )
    return profile(asked).saved


def rows_of(storage: str) -> Iterator[dict[str, Any]]:
    """Each way, predicted and then run."""
    from advisor.api.recommend import predict
    from advisor.api.runnable import executor_run_config
    from advisor.dagster_bridge.instances import user_instance_kind
    from advisor.domain.candidate import read_candidate
    from advisor.domain.options import AdviseOptions
    from advisor.measure.verification import Configuration, run_child
    from advisor.model.ways import preload_list

    with server(storage) as scratch:
        saved = profiled(storage, scratch)
        ways = {way: read_candidate(way, preload_list(saved)) for way in WAYS}
        said = {n: predict(saved, way, AdviseOptions()).makespan_s for n, way in ways.items()}
        warm = saved.overhead.multiprocess["warm_forkserver"]
        kind = user_instance_kind().on_postgres(scratch)
        for name, way in ways.items():
            config = executor_run_config(way, saved.description.executor, {})
            ready = Configuration(name, way, saved.description.target, config)
            child = run_child(ready, timeout_s=RUN_TIMEOUT_S, instance_kind=kind)
            failed = child.failure.reason if child.failure else child.value.failed
            yield {
                "storage": storage,
                "way": name,
                "predicted_s": said[name].median,
                "low_s": said[name].low,
                "high_s": said[name].high,
                "real_s": None if failed else child.value.wall_s,
                "failed": failed,
                "step_s": warm.step_s,
                "wait_share": warm.wait_share,
            }


def page(rows: list[dict[str, Any]]) -> str:
    lines = [
        "# Other storages",
        "",
        "Made by `make bench-storages`: 16 items that wait 0.5 s, on a Postgres of the benchmark's",
        "own behind a proxy that delays its answers, and through an IO manager that waits at each",
        "call. Each storage is calibrated (`--scratch-postgres`), then predicted, then run.",
        "",
        "| storage | way | overhead per step | of which waits | predicted | real | error |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        start = f"| {row['storage']} | {row['way']} | {row['step_s']:.2f} s "
        start += f"| {row['wait_share']:.0%} "
        start += f"| {row['predicted_s']:.1f} s ({row['low_s']:.1f}-{row['high_s']:.1f}) "
        if row["failed"]:
            lines.append(f"{start}| failed: {row['failed']} | - |")
            continue
        error = row["predicted_s"] / row["real_s"] - 1
        lines.append(f"{start}| {row['real_s']:.1f} s | {error:+.1%} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    every = [*POSTGRES_MS, SLOW_FILES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", choices=every, action="append")
    asked = parser.parse_args().storage or every
    os.environ.setdefault("DYNADVISE_CACHE_DIR", str(HERE.parent / ".bench" / "storages"))
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for storage in asked:
        if any(row["storage"] == storage for row in rows):
            continue
        made = []
        for row in rows_of(storage):
            print(json.dumps(row), flush=True)  # noqa: T201
            made.append(row)
        rows += made
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(page(rows))


if __name__ == "__main__":
    main()
