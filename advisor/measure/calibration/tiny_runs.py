"""What a calibration is for, and the measurements of one, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from advisor.dagster_bridge.calibration_job import CalibrationRequest, forkserver_preloads_the_job
from advisor.dagster_bridge.instances import InstanceKind
from advisor.domain.host import (
    CLAIM_S,
    SERIAL_METHODS,
    CalibrationMethod,
    CalibrationRun,
    CpuScaling,
    HostFacts,
    PlanGrowth,
    PreloadList,
    StorageSample,
    user_import_in,
)
from advisor.domain.workload import TargetReference
from advisor.measure.calibration.starts import CommandLineError, command_line_s
from advisor.measure.child import ChildResult, run_in_child
from advisor.measure.loading import FORK_CHECK_ENVIRONMENT, DeriveRequest, Preloadable, StepImports


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


@dataclass(frozen=True, slots=True)
class Probe:
    """One kind of tiny run, of one step at a time: its method, and mapped steps."""

    method: CalibrationMethod
    items: int


IN_PROCESS = Probe("in_process", 16)

RUNS = (
    Probe("warm_forkserver", 3),
    IN_PROCESS,
    Probe("execute_in_process", 32),
    Probe("forkserver", 1),
    Probe("spawn", 1),
)
"""One of each method, about 20 s on 2 cores."""

PROOF = Probe("warm_forkserver", 2)
"""What a further module is tried with."""


ITEM_WAIT_S = 0.2
"""What a calibration's items sleep: without a wait, later steps look cheaper than they are,
because log watchers die early and the processor's caches stay warm."""

RUN_TIMEOUT_S = 120.0
COMMAND_LINE = "command line"
"""The name under which it is among what could not be measured."""

FEW_ITEMS = 4
"""Of a run for which there is hardly time."""

STORED_BYTES = (1_000, 1_000_000, 16_000_000)
GROWTH_ITEMS = (50, 400, 1600, 6400)


def named(probe: Probe) -> str:
    """A probe in words."""
    return probe.method.replace("_", " ")


class TinyRuns:
    """The measurements of one calibration; what fails is noted with its reason."""

    def __init__(
        self,
        subject: CalibrationSubject,
        home: str,
        unmeasured: dict[str, str],
        left_s: Callable[[], float] = lambda: RUN_TIMEOUT_S,
        python_start_s: float | None = None,
    ) -> None:
        self.subject = subject
        self.left_s = left_s
        self.forks = python_start_s is not None
        self.python_start_s = python_start_s or 0.0
        self.home = home
        self.unmeasured = unmeasured
        self.base_rss_bytes = 0
        self.imports = StepImports(())

    def _result(
        self,
        name: str,
        function: str,
        argument: object,
        *,
        apart: bool = True,
        environment: Mapping[str, str] = {},
    ) -> ChildResult | None:
        """What a function gives in a child; None where it failed, which is noted by its name.

        Args:
            apart: Whether the child has the user's folders and this instance; one without them may
                be forked with Dagster imported.
        """
        result = run_in_child(
            function,
            argument,
            timeout_s=min(RUN_TIMEOUT_S, max(1.0, self.left_s())),
            target=self.subject.target if apart else None,
            environment={"DAGSTER_HOME": self.home, **environment} if apart else None,
        )
        if result.failure is None:
            return result
        self.unmeasured[name] = result.failure.as_note()
        return None

    def derive(self) -> None:
        """Find out what a step's process imports."""
        request = DeriveRequest(self.subject.target, self.home)
        function = "advisor.measure.loading:derive_roots"
        result = self._result("preload list", function, request, environment=FORK_CHECK_ENVIRONMENT)
        if result is not None:
            self.imports = cast("StepImports", result.value)

    def preload(self, roots: tuple[str, ...]) -> PreloadList:
        """Which of the modules are safe to import before a fork."""
        if not roots:
            return PreloadList(())
        function = "advisor.measure.loading:check_modules"
        result = self._result("preload list", function, roots, environment=FORK_CHECK_ENVIRONMENT)
        if result is None:
            return PreloadList(())
        preloadable = cast("Preloadable", result.value)
        return PreloadList(preloadable.safe, preloadable.unsafe)

    def run(self, probe: Probe, preload: tuple[str, ...]) -> list[CalibrationRun]:
        """One tiny run; empty where it failed."""
        module = self.subject.target.module if self.subject.target else None
        chosen: tuple[str, ...] | None = None
        if probe.method == "forkserver" and module and self.subject.is_preloaded:
            chosen = (module,)
        if probe.method == "warm_forkserver":
            if not preload:
                self.unmeasured.setdefault("warm_forkserver", "there is no preload list")
                return []
            chosen = preload
        request = CalibrationRequest(
            method=probe.method,
            items=probe.items,
            item_wait_s=0.0 if probe.method in SERIAL_METHODS else ITEM_WAIT_S,
            preload=chosen,
            target=self.subject.target,
            instance_home=self.home,
        )
        function = "advisor.dagster_bridge.calibration_job:execute_calibration"
        child = self._result(named(probe), function, request, apart=not self.forks)
        if child is None:
            return []
        run = cast("CalibrationRun", child.value)
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
            if not self.forks:
                self.python_start_s = max(0.0, child.wall_s - run.wall_s)
        return [replace(run, server_import_s=server_import_s, step_import_s=step_import_s)]

    def bookkeeping(self) -> tuple[tuple[StorageSample, ...], tuple[PlanGrowth, ...]]:
        """Storing by size, and Dagster's bookkeeping by number of items."""
        function = "advisor.dagster_bridge.calibration_job:bookkeeping"
        sizes = STORED_BYTES, GROWTH_ITEMS
        result = self._result("storing and bookkeeping", function, sizes, apart=False)
        if result is None:
            return (), ()
        return cast("tuple[tuple[StorageSample, ...], tuple[PlanGrowth, ...]]", result.value)

    def cpu_scaling(self) -> tuple[CpuScaling, ...]:
        """How processes that compute in parallel slow each other, by their number."""
        cores = max(1, round(self.subject.facts.cpus))
        counts = tuple(sorted({2, cores, max(1, cores // 2)} - {1}))
        function = "advisor.measure.calibration.starts:measure_cpu_scaling"
        result = self._result("cpu scaling", function, counts, apart=False)
        return cast("tuple[CpuScaling, ...]", result.value) if result else ()

    def process_start_s(self, preload: PreloadList) -> float:
        """Until a worker process of a pool inside a step can take its first item."""
        target = self.subject.target
        unsafe = target is not None and target.module_name in preload.left_out
        function = "advisor.measure.calibration.starts:measure_process_start"
        result = self._result("process start", function, (target, not unsafe))
        return cast("float", result.value) if result else 0.5

    def claim_s(self) -> float:
        """A claim of a pool's slot, or giving it back."""
        function = "advisor.dagster_bridge.calibration_job:measure_claim_s"
        result = self._result("a pool's slots", function, self.home)
        return cast("float", result.value) if result else CLAIM_S

    def cli_start_s(self) -> float | None:
        """Whole time of the command line on a tiny job; None where it failed.

        It is measured once: what other programs made of it then is taken off, but where the
        machine's own quota, below one core, holds each start back.
        """
        try:
            whole_s, delayed_s = command_line_s(self.home)
        except CommandLineError as error:
            self.unmeasured[COMMAND_LINE] = str(error)
            return None
        return whole_s - delayed_s if self.subject.facts.cpus >= 1.0 else whole_s
