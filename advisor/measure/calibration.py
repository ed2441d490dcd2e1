"""Measuring the host: tiny real Dagster runs in fresh processes, read back from the event log.

Each run has a process of its own, as a user's run has, so that what a run pays once (lazy imports
of the parent, the forkserver's start and preload) is in it.
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, cast

from advisor.dagster_bridge.calibration_job import (
    CalibrationRequest,
    forkserver_preloads_the_job,
)
from advisor.dagster_bridge.instances import InstanceKind, temporary_instance_home
from advisor.dagster_bridge.runs import RunResult, command_line
from advisor.domain.host import (
    CLAIM_S,
    CalibrationMethod,
    CalibrationRun,
    CpuScaling,
    HostFacts,
    HostProfile,
    PlanGrowth,
    PreloadList,
    StorageSample,
    user_import_in,
)
from advisor.domain.observed import ObservedRun
from advisor.domain.workload import TargetReference
from advisor.measure.child import ChildResult, run_in_child
from advisor.measure.imports import FORK_CHECK_ENVIRONMENT, Preloadable
from advisor.measure.preload import DeriveRequest, StepImports

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

ITEM_WAIT_S = 0.2
"""What a calibration's items sleep: without a wait, later steps look cheaper than they are,
because log watchers die early and the processor's caches stay warm."""

KEPT_RUNS = 12
"""Runs kept of each kind: the host's speed drifts, and the mean over time predicts better."""

RUN_TIMEOUT_S = 120.0
_SCALING_TURNS, _SCALING_TURN_S = 30, 0.02
STORED_BYTES = (1_000, 1_000_000, 16_000_000)
GROWTH_ITEMS = (50, 400, 1600)

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """One kind of tiny run: its method, mapped steps, and steps at once."""

    method: CalibrationMethod
    items: int
    max_concurrent: int = 1


FULL_PASS = (
    Probe("execute_in_process", 32),
    Probe("in_process", 16),
    Probe("warm_forkserver", 3),
    Probe("forkserver", 2),
    Probe("spawn", 1),
)
"""One pass, about 25 s on 2 cores."""

REFRESH_PASS = (
    Probe("warm_forkserver", 3),
    Probe("in_process", 16),
    Probe("execute_in_process", 32),
    Probe("forkserver", 1),
    Probe("spawn", 1),
)
"""A second look at another moment; where the time is up, the next look begins with the rest."""


PROOF = Probe("warm_forkserver", 2)
"""What a further module is tried with."""

PROOF_SLACK = 1.6
"""A further module's steps may take so many times as long to start as those of the others: like
runs at other moments differ by less."""


@dataclass(frozen=True, slots=True)
class CalibrationSubject:
    """For which Python environment, storage and user code the host is measured."""

    facts: HostFacts
    instance: InstanceKind
    target: TargetReference | None

    @property
    def user_module(self) -> str | None:
        """The user's module or file, as a cache key and for people."""
        return self.target.source if self.target else None

    @property
    def is_preloaded(self) -> bool:
        """Whether a forkserver without a preload list preloads the user's module."""
        named = self.target is not None and self.target.module is not None
        return named and forkserver_preloads_the_job()

    def without_module(self) -> CalibrationSubject:
        """The same host for no user code: what its calibrations have in common."""
        return replace(self, target=None)


def calibrate(
    subject: CalibrationSubject, *, budget_s: float = 60.0, on_progress: Progress | None = None
) -> HostProfile:
    """Measure this host from nothing.

    Args:
        subject: What to measure for.
        budget_s: The runs stop being added when this is nearly used up; one run of each method
            is always tried.
        on_progress: Called with what is measured and the share that is done.

    Raises:
        DynadviseError: No run could be made at all; the reason of the last is shown.
    """
    tell = on_progress or (lambda _message, _share: None)
    begun = time.monotonic()
    unmeasured: dict[str, str] = {}
    with temporary_instance_home(subject.instance) as home:
        session = _Session(subject, str(home), unmeasured)
        tell("deriving the warm preload list", 0.0)
        session.derive()
        preload = session.preload(session.imports.dagsters + session.imports.users)
        runs: list[CalibrationRun] = []
        scaling: list[CpuScaling] = []
        for index, probe in enumerate(FULL_PASS):
            tell(f"a tiny run: {_named(probe)}", 0.15 + 0.65 * index / len(FULL_PASS))
            runs.extend(session.run(probe, preload.modules))
            if index % 2 == 0:
                scaling.extend(session.cpu_scaling())
        tell("storing, bookkeeping, command line", 0.85)
        spent = time.monotonic() - begun
        cli_start_s = session.cli_start_s() if spent < budget_s - 5 else None
        storing, growth = session.bookkeeping()
        process_start_s = session.process_start_s(preload)
        claim_s = session.claim_s()
        if cli_start_s is None and "command line" not in unmeasured:
            unmeasured["command line"] = "the budget was used up"
    if not runs:
        reasons = "; ".join(f"{name}: {why}" for name, why in unmeasured.items())
        from advisor.domain.errors import DynadviseError

        raise DynadviseError(
            "this host could not be measured: not one tiny Dagster run succeeded",
            details=reasons,
            hint="run `dagster job execute` on a job of yours to see whether Dagster works here",
        )
    return HostProfile(
        facts=subject.facts,
        storage=subject.instance.storage,
        user_module=subject.user_module,
        preload=_with_proof(preload, runs),
        runs=tuple(runs),
        storing=storing,
        cpu_scaling=tuple(scaling),
        cli_start_s=cli_start_s,
        base_rss_bytes=session.base_rss_bytes,
        cost_s=time.monotonic() - begun,
        calibrated_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        unmeasured=unmeasured,
        plan_growth=growth,
        process_start_s=process_start_s,
        user_import_s=session.imports.user_import_s,
        user_rss_bytes=session.imports.user_rss_bytes,
        user_roots=session.imports.users,
        user_preloaded=subject.is_preloaded,
        claim_s=claim_s,
    )


def without_module(host: HostProfile) -> HostProfile:
    """What a calibration says of the host for any user's module."""
    users = set(host.user_roots)
    preload = replace(
        host.preload,
        modules=tuple(m for m in host.preload.modules if m not in users),
        left_out={m: why for m, why in host.preload.left_out.items() if m not in users},
    )
    return replace(
        host,
        user_module=None,
        preload=preload,
        base_rss_bytes=max(0, host.base_rss_bytes - host.user_rss_bytes),
        process_start_s=max(0.05, host.process_start_s - host.user_import_s),
        user_import_s=0.0,
        user_rss_bytes=0,
        user_roots=(),
        user_preloaded=False,
    )


def pooled(host: HostProfile, other: HostProfile | None) -> HostProfile:
    """A calibration with the runs of another one of the same host, each run once."""
    if other is None:
        return host
    runs = {(run.method, run.started_at_s): run for run in (*other.runs, *host.runs)}
    scaling = max(host.cpu_scaling, other.cpu_scaling, key=len)  # one holds the other's moments
    return replace(host, runs=_newest(list(runs.values())), cpu_scaling=scaling)


def for_module(
    subject: CalibrationSubject, shared: HostProfile, *, on_progress: Progress | None = None
) -> HostProfile | None:
    """The calibration for a module, from what is known of the host without it.

    Only what depends on the module is measured: what it imports and how long that takes, which of
    it is safe to preload, and one tiny run with the longer preload list as the proof.

    Returns:
        The calibration; None where the proof failed: the tiny run did not succeed, or its steps
        take longer than imports explain. The host must then be measured with the module.
    """
    tell = on_progress or (lambda _message, _share: None)
    begun = time.monotonic()
    unmeasured: dict[str, str] = {}
    with temporary_instance_home(subject.instance) as home:
        session = _Session(subject, str(home), unmeasured)
        tell("what the module imports; the rest of this host is known", 0.0)
        session.derive()
        preload = session.preload(shared.preload.modules + session.imports.users)
        tell(f"a tiny run: {_named(PROOF)}", 0.5)
        runs = session.run(PROOF, preload.modules)
    if unmeasured or not runs or _step_start_s(runs) > PROOF_SLACK * _step_start_s(shared.runs):
        return None
    imports = session.imports
    return replace(
        shared,
        user_module=subject.user_module,
        preload=replace(
            preload,
            left_out={**shared.preload.left_out, **preload.left_out},
            boot_before_s=shared.preload.boot_before_s,
            boot_after_s=_boot_s(runs, "warm_forkserver"),
        ),
        runs=_newest([*shared.runs, *runs]),
        base_rss_bytes=shared.base_rss_bytes + imports.user_rss_bytes,
        cost_s=time.monotonic() - begun,
        calibrated_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        process_start_s=shared.process_start_s + imports.user_import_s,
        user_import_s=imports.user_import_s,
        user_rss_bytes=imports.user_rss_bytes,
        user_roots=imports.users,
        user_preloaded=subject.is_preloaded,
    )


def _since_launch_s(runs: Sequence[CalibrationRun], method: CalibrationMethod, until: str) -> float:
    """Mean seconds from a mapped step's launch to its phase ``until``."""
    found = [
        getattr(step, until) - step.worker_starting_s
        for run in runs
        if run.method == method
        for step in run.run.steps
        if step.mapping_key is not None
        and getattr(step, until) is not None
        and step.worker_starting_s is not None
    ]
    return sum(found) / len(found) if found else 0.0


def _step_start_s(runs: Sequence[CalibrationRun]) -> float:
    """Mean seconds from a mapped step's launch to its start, under a warm forkserver."""
    return _since_launch_s(runs, "warm_forkserver", "start_s")


def refresh(
    subject: CalibrationSubject,
    host: HostProfile,
    *,
    budget_s: float,
    on_progress: Progress | None = None,
) -> HostProfile:
    """Add runs at another moment to a calibration, as far as ``budget_s`` reaches."""
    tell = on_progress or (lambda _message, _share: None)
    begun = time.monotonic()
    added: list[CalibrationRun] = []
    with temporary_instance_home(subject.instance) as home:
        session = _Session(subject, str(home), {})
        session.imports = StepImports((), host.user_roots, host.user_import_s)
        scaling = [*host.cpu_scaling, *session.cpu_scaling()]
        starts_s = [s for s in (host.cli_start_s, session.cli_start_s()) if s is not None]
        for index, probe in enumerate(_longest_ago_first(host)):
            expected = _expected_s(probe, host)
            if time.monotonic() - begun + expected > budget_s:
                continue
            tell(f"one more tiny run: {_named(probe)}", index / len(REFRESH_PASS))
            added.extend(session.run(probe, host.preload.modules))
    return replace(
        host,
        runs=_newest([*host.runs, *added]),
        cpu_scaling=_newest_scaling(scaling),
        cli_start_s=sum(starts_s) / len(starts_s) if starts_s else None,
        cost_s=host.cost_s + time.monotonic() - begun,
        calibrated_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _longest_ago_first(host: HostProfile) -> list[Probe]:
    """The runs of another look, those first whose method has not been seen for longest."""
    last_s: dict[str, float] = {}
    for run in host.runs:
        last_s[run.method] = max(run.started_at_s, last_s.get(run.method, 0.0))
    return sorted(REFRESH_PASS, key=lambda probe: last_s.get(probe.method, 0.0))


def _newest(runs: Sequence[CalibrationRun]) -> tuple[CalibrationRun, ...]:
    kept: list[CalibrationRun] = []
    counts: dict[tuple[str, bool], int] = {}
    for run in sorted(runs, key=lambda run: -run.started_at_s):
        key = (run.method, run.max_concurrent > 1)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= KEPT_RUNS:
            kept.append(run)
    return tuple(sorted(kept, key=lambda run: run.started_at_s))


def _newest_scaling(found: Sequence[CpuScaling]) -> tuple[CpuScaling, ...]:
    kept: list[CpuScaling] = []
    for one in reversed(found):
        if sum(other.workers == one.workers for other in kept) < KEPT_RUNS:
            kept.append(one)
    return tuple(reversed(kept))


def _named(probe: Probe) -> str:
    at_once = f", {probe.max_concurrent} at once" if probe.max_concurrent > 1 else ""
    return probe.method.replace("_", " ") + at_once


def _expected_s(probe: Probe, host: HostProfile) -> float:
    """How long such a run took before, its process's start included."""
    start = 2.0
    before = [r for r in host.runs if r.method == probe.method and r.max_concurrent == 1]
    if not before:
        return 20.0
    last = before[-1]
    return start + last.wall_s * (probe.items + 2) / (last.items + 2)


def _boot_s(runs: Sequence[CalibrationRun], method: CalibrationMethod) -> float:
    """Mean boot of a mapped step, at one step at a time."""
    alone = [run for run in runs if run.max_concurrent == 1]
    return _since_launch_s(alone, method, "worker_started_s")


def _with_proof(preload: PreloadList, runs: Sequence[CalibrationRun]) -> PreloadList:
    """The list with the mean boot of a mapped step before and after."""
    before_s, after_s = _boot_s(runs, "forkserver"), _boot_s(runs, "warm_forkserver")
    return replace(preload, boot_before_s=before_s, boot_after_s=after_s)


class _Session:
    """The measurements of one calibration; what fails is noted with its reason."""

    def __init__(self, subject: CalibrationSubject, home: str, unmeasured: dict[str, str]) -> None:
        self.subject = subject
        self.home = home
        self.unmeasured = unmeasured
        self.base_rss_bytes = 0
        self.imports = StepImports(())

    def _child(self, function: str, argument: object, **environment: str) -> ChildResult:
        return run_in_child(
            function,
            argument,
            timeout_s=RUN_TIMEOUT_S,
            target=self.subject.target,
            environment={"DAGSTER_HOME": self.home, **environment},
        )

    def _value(self, name: str, result: ChildResult) -> object | None:
        if result.failure is not None:
            self.unmeasured[name] = result.failure.as_note()
            return None
        return result.value

    def derive(self) -> None:
        """Find out what a step's process imports."""
        request = DeriveRequest(self.subject.target, self.home)
        child = self._child("advisor.measure.preload:derive_roots", request)
        found = self._value("warm preload list", child)
        if found is not None:
            self.imports = cast("StepImports", found)

    def preload(self, roots: tuple[str, ...]) -> PreloadList:
        """Which of the modules are safe to import before a fork."""
        if not roots:
            return PreloadList(())
        checked = self._value(
            "warm preload list",
            self._child("advisor.measure.imports:check_modules", roots, **FORK_CHECK_ENVIRONMENT),
        )
        if checked is None:
            return PreloadList(())
        preloadable = cast("Preloadable", checked)
        return PreloadList(preloadable.safe, preloadable.unsafe)

    def run(self, probe: Probe, preload: tuple[str, ...]) -> list[CalibrationRun]:
        """One tiny run; empty where it failed."""
        module = self.subject.target.module if self.subject.target else None
        chosen: tuple[str, ...] | None = None
        if probe.method == "forkserver" and module and self.subject.is_preloaded:
            chosen = (module,)
        if probe.method == "warm_forkserver":
            if not preload:
                self.unmeasured.setdefault("warm_forkserver", "there is no warm preload list")
                return []
            chosen = preload
        request = CalibrationRequest(
            method=probe.method,
            items=probe.items,
            item_wait_s=0.0 if "in_process" in probe.method else ITEM_WAIT_S,
            max_concurrent=probe.max_concurrent,
            preload=chosen,
            target=self.subject.target,
            instance_home=self.home,
        )
        child = self._child("advisor.dagster_bridge.calibration_job:execute_calibration", request)
        value = self._value(_named(probe), child)
        if value is None:
            return []
        result = cast("RunResult", value)
        server_import_s, step_import_s = user_import_in(
            probe.method,
            self.imports.user_import_s,
            {
                "forkserver": self.subject.is_preloaded,
                "warm_forkserver": set(self.imports.users) <= set(preload),
            },
        )
        if probe.method == "in_process":
            self.base_rss_bytes = child.peak_rss_bytes
        return [
            CalibrationRun(
                method=probe.method,
                max_concurrent=probe.max_concurrent,
                wall_s=result.wall_s,
                parent_cpu_s=result.parent_cpu_s,
                child_cpu_s=result.child_cpu_s,
                item_wait_s=request.item_wait_s,
                run=result.run or _no_run(result),
                items=probe.items,
                started_at_s=result.started_at_s,
                server_import_s=server_import_s,
                step_import_s=step_import_s,
            )
        ]

    def bookkeeping(self) -> tuple[tuple[StorageSample, ...], tuple[PlanGrowth, ...]]:
        """Storing by size, and Dagster's bookkeeping by number of items."""
        found = self._value(
            "storing and bookkeeping",
            self._child(
                "advisor.dagster_bridge.calibration_job:bookkeeping", (STORED_BYTES, GROWTH_ITEMS)
            ),
        )
        empty: tuple[tuple[StorageSample, ...], tuple[PlanGrowth, ...]] = ((), ())
        return cast("tuple[tuple[StorageSample, ...], tuple[PlanGrowth, ...]]", found or empty)

    def cpu_scaling(self) -> tuple[CpuScaling, ...]:
        cores = max(1, round(self.subject.facts.cpus))
        counts = sorted({2, cores, max(1, cores // 2)} - {1})
        found = self._value(
            "cpu scaling",
            self._child("advisor.measure.calibration:measure_cpu_scaling", tuple(counts)),
        )
        return cast("tuple[CpuScaling, ...]", found or ())

    def process_start_s(self, preload: PreloadList) -> float:
        target = self.subject.target
        unsafe = target is not None and target.module_name in preload.left_out
        found = self._value(
            "process start",
            self._child("advisor.measure.calibration:measure_process_start", (target, not unsafe)),
        )
        return cast("float", found) if found is not None else 0.5

    def claim_s(self) -> float:
        """A claim of a pool's slot, or giving it back."""
        found = self._value(
            "a pool's slots",
            self._child("advisor.dagster_bridge.pool_slots:measure_claim_s", self.home),
        )
        return cast("float", found) if found is not None else CLAIM_S

    def cli_start_s(self) -> float | None:
        """The command line's fixed cost: its whole time less the run's own, on a tiny job."""
        with tempfile.TemporaryDirectory(prefix="dynadvise-cli-") as directory:
            Path(directory, "dynadvise_cli_start.py").write_text(_CLI_JOB)
            job = TargetReference(
                "cli_start", "dynadvise_cli_start", None, None, "cli_start", directory
            )
            command = command_line(job, Path("config.yaml"))
            Path(directory, "config.yaml").write_text("execution: {config: {in_process: {}}}\n")
            environment = {**os.environ, "DAGSTER_HOME": self.home}
            begun = time.perf_counter()
            try:
                done = subprocess.run(
                    command,
                    cwd=directory,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=RUN_TIMEOUT_S,
                    stdin=subprocess.DEVNULL,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                self.unmeasured["command line"] = str(error)
                return None
            took = time.perf_counter() - begun
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            self.unmeasured["command line"] = lines[-1] if lines else "it failed"
            return None
        return took


_CLI_JOB = """\
from dagster import job, op


@op
def nothing():
    return None


@job
def cli_start():
    nothing()
"""


def _no_run(result: RunResult) -> ObservedRun:
    return ObservedRun(
        run_id="",
        job="",
        status="success",
        executor="in_process",
        started_at_s=result.started_at_s,
        end_s=result.wall_s,
        steps=(),
    )


def _burn(iterations: int) -> float:
    """A fixed piece of plain Python work; its wall seconds."""
    begun = time.perf_counter()
    total = 0
    for value in range(iterations):
        total += value * value % 7
    assert total >= 0
    return time.perf_counter() - begun


def _take_turns(place: int, iterations: int, barrier: Barrier, found: Queue[float]) -> None:
    """Work with all others, then see the first one work alone, again and again."""
    _burn(iterations)
    logs = []
    for _ in range(_SCALING_TURNS):
        barrier.wait()
        together_s = _burn(iterations)
        barrier.wait()
        if place == 0:
            logs.append(math.log(together_s / _burn(iterations)))
    if place == 0:
        found.put(math.exp(sum(logs) / len(logs)))


def measure_cpu_scaling(counts: tuple[int, ...]) -> tuple[CpuScaling, ...]:
    """Slowdown of CPU-bound processes at once: together and alone in turns of a few hundredths.

    The turns are shorter than the spells in which a neighbour on the same core slows everything,
    so that these cancel. Called in a fresh process (it forks before anything starts a thread).
    """
    import multiprocessing

    context = multiprocessing.get_context("fork")
    iterations = round(1_000_000 * _SCALING_TURN_S / max(_burn(1_000_000), 1e-6))
    found = []
    for workers in counts:
        barrier, queue = context.Barrier(workers), context.Queue()
        processes = [
            context.Process(target=_take_turns, args=(place, iterations, barrier, queue))
            for place in range(workers)
        ]
        for process in processes:
            process.start()
        found.append(CpuScaling(workers, queue.get(timeout=60)))
        for process in processes:
            process.join()
    return tuple(found)


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
        pool.submit(_import_user_code, target).result(timeout=RUN_TIMEOUT_S)
        return time.perf_counter() - begun


def _import_user_code(target: TargetReference | None) -> None:
    if target is not None:
        from advisor.dagster_bridge.target import load_target

        load_target(target)
