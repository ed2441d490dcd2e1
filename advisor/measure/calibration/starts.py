"""What starts cost (Dagster's command line, a worker process of a pool), and cores in parallel."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.dagster_bridge.process_usage import delayed_by_others_s
from advisor.dagster_bridge.runs import command_line
from advisor.domain.host import CpuScaling
from advisor.domain.workload import TargetReference

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

START_TIMEOUT_S = 120.0
_LOOK_S = 0.02

POOL_START = 0.47
"""Of a fresh Python's start in a run: a pool's forkserver imports Dagster and forks, but no run's
parts. Three calibrations of a quiet 2-core machine: 0.44, 0.47, 0.47."""


_CLI_JOB = """\
from dagster import job, op


@op
def nothing():
    return None


@job
def cli_start():
    nothing()
"""


class CommandLineError(Exception):
    """Why the command line could not be measured, in words."""


def command_line_s(instance_home: str) -> tuple[float, float]:
    """Whole time of Dagster's command line on a job that does nothing.

    Returns:
        Its wall clock, and of that the seconds in which it was ready to compute and had no core.

    Raises:
        CommandLineError: It did not end well.
    """
    with tempfile.TemporaryDirectory(prefix="dynadvise-cli-") as directory:
        Path(directory, "dynadvise_cli_start.py").write_text(_CLI_JOB)
        job = TargetReference(
            "cli_start", "dynadvise_cli_start", None, None, "cli_start", directory
        )
        Path(directory, "config.yaml").write_text("execution: {config: {in_process: {}}}\n")
        log = Path(directory, "log")
        begun = time.perf_counter()
        try:
            with (
                log.open("w") as out,
                subprocess.Popen(
                    command_line(job, Path("config.yaml")),
                    cwd=directory,
                    env={**os.environ, "DAGSTER_HOME": instance_home},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                ) as process,
            ):
                delayed_s = delay_to_the_end_s(process)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CommandLineError(str(error)) from error
        whole_s = time.perf_counter() - begun
        if process.returncode != 0:
            lines = log.read_text().strip().splitlines()
            raise CommandLineError(lines[-1] if lines else "it failed")
    return whole_s, min(delayed_s, whole_s)


def delay_to_the_end_s(process: subprocess.Popen[bytes]) -> float:
    """Seconds without a core until the process has ended; it is ended after `START_TIMEOUT_S`."""
    until_s, delayed_s = time.monotonic() + START_TIMEOUT_S, 0.0
    try:
        while process.poll() is None:
            if time.monotonic() > until_s:
                raise subprocess.TimeoutExpired(process.args, START_TIMEOUT_S)
            delayed_s = max(delayed_s, delayed_by_others_s(process.pid))
            time.sleep(_LOOK_S)
    finally:
        process.kill()
    return delayed_s


def measure_process_start(question: tuple[TargetReference | None, bool]) -> float:
    """Seconds until a worker process of a pool inside a step can take its first item.

    As the emitted code does it: a forkserver of its own imports Dagster and the user's module
    once, then forks the workers. Called in a fresh process.

    Args:
        question: The target, and whether its module is safe to import before a fork.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    target, safe = question
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["dagster", *([target.module] if target and target.module and safe else [])]
    )
    begun = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(_import_user_code, target).result(timeout=START_TIMEOUT_S)
        return time.perf_counter() - begun


def _import_user_code(target: TargetReference | None) -> None:
    if target is not None:
        from advisor.dagster_bridge.target import load_target

        load_target(target)


_SCALING_TURNS, _SCALING_TURN_S = 30, 0.02


def _burn(iterations: int) -> float:
    """A fixed piece of plain Python work; its wall seconds."""
    begun = time.perf_counter()
    total = 0
    for value in range(iterations):
        total += value * value % 7
    assert total >= 0
    return time.perf_counter() - begun


def _take_turns(place: int, iterations: int, barrier: Barrier, ratios: Queue[float]) -> None:
    """Work with all others, then see the first one work alone, again and again."""
    _burn(iterations)
    slowdowns = []
    for _ in range(_SCALING_TURNS):
        barrier.wait()
        together_s = _burn(iterations)
        barrier.wait()
        if place == 0:
            slowdowns.append(together_s / _burn(iterations))
    if place == 0:
        ratios.put(statistics.geometric_mean(slowdowns))


def measure_cpu_scaling(counts: tuple[int, ...]) -> tuple[CpuScaling, ...]:
    """Slowdown of CPU-bound processes at once: together and alone in turns of a few hundredths.

    The turns are shorter than the spells in which a neighbour on the same core slows everything,
    so that these cancel. Called in a fresh process (it forks before anything starts a thread).
    """
    import multiprocessing

    context = multiprocessing.get_context("fork")
    iterations = round(1_000_000 * _SCALING_TURN_S / max(_burn(1_000_000), 1e-6))
    scalings = []
    for workers in counts:
        barrier, queue = context.Barrier(workers), context.Queue()
        processes = [
            context.Process(target=_take_turns, args=(place, iterations, barrier, queue))
            for place in range(workers)
        ]
        for process in processes:
            process.start()
        scalings.append(CpuScaling(workers, queue.get(timeout=60)))
        for process in processes:
            process.join()
    return tuple(scalings)
