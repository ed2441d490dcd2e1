"""Does the model reproduce the calibration that it was fitted to, on 0.5, 1, 1.5 and 2 cores?

A calibration is made on so many cores (affinity, and a cgroup's CPU quota for the fractions, where
this process may set one), fitted, and each of its own tiny runs is predicted again.

``python bench/own_calibration.py [--cores N]`` writes docs/own-calibration.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "own-calibration.md"
CORES = (0.5, 1.0, 1.5, 2.0)
PERIOD_US = 100_000


def way_of(method: str) -> Any:
    """The way to run that a calibration's method is."""
    from advisor.domain.candidate import Candidate

    if method == "execute_in_process":
        return Candidate("execute_in_process", "in_process")
    if method == "in_process":
        return Candidate("execute_job", "in_process")
    if method == "spawn":
        return Candidate("execute_job", "multiprocess", "spawn")
    preload = ("warm",) if method == "warm_forkserver" else ()
    return Candidate("execute_job", "multiprocess", "forkserver", preload)


def reproduced_s(host: Any, run: Any) -> float:
    """What the model, fitted to a calibration, says of one of its runs."""
    from advisor.domain.item_sample import ItemSample
    from advisor.domain.workload import OpProfile, WorkloadProfile
    from advisor.model.contention import Contention
    from advisor.model.fit import fit_overhead
    from advisor.model.items import items_of
    from advisor.model.other_cores import items_on, overhead_on
    from advisor.model.prediction import Predictor
    from advisor.model.setting import Machine, Setting

    cores = host.facts.cpus
    calls = tuple(ItemSample(i, None, run.item_wait_s, 0.0, 0, 0, 0) for i in range(run.items))
    items = items_of(WorkloadProfile(run.items, (OpProfile("mapped", (), (), calls),)))
    setting = Setting(
        items=items_on(items, max(1.0, cores), cores),
        contention=Contention(1.0),
        overhead=overhead_on(fit_overhead(host), cores),
        machine=Machine(cores, 1 << 34),
    )
    return Predictor(setting).estimate(way_of(run.method)).makespan_s


def calibration_of(path: Path) -> Any:
    from pydantic import TypeAdapter

    from advisor.domain.host import HostProfile

    return TypeAdapter(HostProfile).validate_json(path.read_text())


def calibrate_here(path: Path) -> None:
    """Calibrate on this process's cores."""
    from pydantic import TypeAdapter

    from advisor.api.calibrating import subject_of
    from advisor.domain.host import HostProfile
    from advisor.measure.calibration import calibrate, completed

    subject = subject_of(None)
    host = completed(subject, calibrate(subject), budget_s=90.0 / min(1.0, subject.facts.cpus))
    path.write_bytes(TypeAdapter(HostProfile).dump_json(host))


@contextmanager
def quota(cores: float) -> Iterator[list[Path]]:
    """The files to enter a cgroup with such a CPU quota; none where the cores are whole.

    Raises:
        OSError: This process may not set one.
    """
    if cores == int(cores):
        yield []
        return
    limit = str(int(cores * PERIOD_US))
    old = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").exists()
    group = Path("/sys/fs/cgroup", "cpu" if old else "", f"dynadvise-bench-{os.getpid()}")
    group.mkdir()
    try:
        if old:
            (group / "cpu.cfs_quota_us").write_text(limit)
        else:
            (group / "cpu.max").write_text(f"{limit} {PERIOD_US}")
        yield [group / "cgroup.procs"]
    finally:
        group.rmdir()


def calibrated_on(cores: float, path: Path) -> None:
    """Calibrate in a process of its own, on so many cores."""
    with quota(cores) as groups:

        def enter() -> None:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: max(1, round(cores + 0.25))])
            for group in groups:
                group.write_text(str(os.getpid()))

        command = [sys.executable, __file__, "--calibrate", str(path)]
        subprocess.run(command, check=True, preexec_fn=enter)


def page(rows: list[tuple[float, str, float, float]]) -> str:
    lines = [
        "# The model and its own calibration",
        "",
        "Made by `make bench-own-calibration`: a calibration on so many cores, fitted, and each of",
        "its own tiny runs predicted again.",
        "",
        "| cores | method | real | predicted | error |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    for cores, method, real_s, predicted_s in rows:
        error = predicted_s / real_s - 1
        lines.append(
            f"| {cores:g} | {method} | {real_s:.2f} s | {predicted_s:.2f} s | {error:+.1%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calibrate", type=Path)
    parser.add_argument("--cores", type=float, action="append")
    asked = parser.parse_args()
    if asked.calibrate:
        calibrate_here(asked.calibrate)
        return
    rows = []
    for cores in asked.cores or CORES:
        with tempfile.TemporaryDirectory(prefix="dynadvise-own-") as folder:
            path = Path(folder, "calibration.json")
            with suppress(FileNotFoundError, PermissionError):  # no cgroup may be made here
                calibrated_on(cores, path)
            if not path.exists():
                print(f"no quota of {cores:g} cores can be set here")  # noqa: T201
                continue
            host = calibration_of(path)
        for run in host.runs:
            row = (host.facts.cpus, run.method, run.wall_s, reproduced_s(host, run))
            print(json.dumps(row), flush=True)  # noqa: T201
            rows.append(row)
    PAGE.write_text(page(rows))


if __name__ == "__main__":
    main()
