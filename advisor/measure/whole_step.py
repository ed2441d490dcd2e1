"""A step run here as a cluster runs it: a new process of Dagster's command line, under a limit."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import psutil

from advisor.dagster_bridge.calibration_job import CalibrationRequest
from advisor.dagster_bridge.instances import temporary_instance_home
from advisor.domain.errors import DynadviseError
from advisor.domain.host import WholeStep
from advisor.measure.calibration import CalibrationSubject
from advisor.measure.child import run_in_child

TIMEOUT_S = 120.0
WHOLE_STEP_S = 8.0
"""About what it takes on a quiet machine."""
_LOOK_S = 0.005  # a database connection lives for some 10 ms: of 20 steps, 20 ms missed four
_COMMAND = "advisor.dagster_bridge.calibration_job:step_command"
PERIOD_US = 100_000
"""Of the kernel's bandwidth control: what Kubernetes and Docker set."""
_ROOTS = (
    (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "{quota}"),
    (Path("/sys/fs/cgroup"), "cpu.max", "{quota} {period}"),
)


def measure_whole_step(
    subject: CalibrationSubject,
    cpu_limit: float | None,
    *,
    left_s: Callable[[], float] = lambda: TIMEOUT_S,
) -> WholeStep:
    """One step of the calibration's job with the user's module in it; 5 to 10 s.

    Args:
        cpu_limit: CPUs that it may use; where no limit can be set here, it has none.
        left_s: Seconds after which it is ended.

    Raises:
        DynadviseError: It did not end well.
    """
    with temporary_instance_home(subject.instance) as home, cpu_group(cpu_limit) as group:
        request = CalibrationRequest("spawn", 1, 0.0, None, subject.target, str(home))
        child = run_in_child(
            _COMMAND,
            request,
            timeout_s=left_s(),
            target=subject.target,
            environment={"DAGSTER_HOME": str(home)},
        )
        if child.failure is not None:
            raise DynadviseError(f"A step as a pod runs it: {child.failure.as_note()}")
        limit = cpu_limit if group else None
        return _timed(cast("list[str]", child.value), home, group, limit, left_s())


def _timed(
    command: list[str], home: Path, group: Path | None, limit: float | None, most_s: float
) -> WholeStep:
    """The command's process, watched to its end."""
    in_group = ["sh", "-c", 'echo 0 > "$0"; exec "$@"', str(group)] if group else []
    begun_s, cpu_s, peak_bytes, connections = time.perf_counter(), 0.0, 0, 0
    log = home / "step.log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            [*in_group, sys.executable, "-m", *command],
            env={**os.environ, "DAGSTER_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        ) as process,
    ):
        try:
            watched = psutil.Process(process.pid)
            while process.poll() is None and time.perf_counter() - begun_s < most_s:
                time.sleep(_LOOK_S)
                with suppress(psutil.Error):
                    spent = watched.cpu_times()
                    cpu_s = spent.user + spent.system
                    peak_bytes = max(peak_bytes, watched.memory_info().rss)
                    connections = max(connections, len(watched.net_connections("tcp")))
            wall_s = time.perf_counter() - begun_s
        finally:
            process.kill()
    if process.returncode != 0:
        last = (log.read_text().strip().splitlines() or ["it was ended"])[-1]
        raise DynadviseError(f"A step as a pod runs it did not end well: {last}")
    return WholeStep(wall_s, cpu_s, peak_bytes, connections, limit)


_numbers = itertools.count()


@contextmanager
def cpu_group(cpus: float | None) -> Iterator[Path | None]:
    """The file of a group with that limit: who writes ``0`` into it, is in it with its children.

    None where no limit is asked for, or none can be set here.
    """
    group = None if cpus is None else _made(cpus)
    try:
        yield group / "cgroup.procs" if group else None
    finally:
        if group:
            with suppress(OSError):  # a process of it that still ends
                group.rmdir()


def _made(cpus: float) -> Path | None:
    for root, setting, form in _ROOTS:
        folder = root / f"dynadvise-{os.getpid()}-{next(_numbers)}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            # The kernel makes the group's files; without the one there is no such limit here.
            with (folder / setting).open("r+") as file:
                file.write(form.format(quota=max(1000, int(cpus * PERIOD_US)), period=PERIOD_US))
        except OSError:
            with suppress(OSError):
                folder.rmdir()
            continue
        return folder
    return None
