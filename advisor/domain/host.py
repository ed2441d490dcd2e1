"""The machine: what it has, and what it charged in tiny real Dagster runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import count, seconds, size

CLAIM_S = 0.015
"""A claim of a pool's slot, or giving it back, where a calibration did not measure it: some eight
queries, 7 to 20 ms on SQLite (2 cores, Dagster 1.13)."""

CalibrationMethod = Literal[
    "execute_in_process", "in_process", "spawn", "forkserver", "warm_forkserver"
]
SERIAL_METHODS: frozenset[CalibrationMethod] = frozenset({"execute_in_process", "in_process"})
BUILDS_OF_STEP, BUILDS_OF_COMMAND = 2, 3
"""How often a step's process builds the definitions of its code location (for its plan, and for its
context), and what Dagster's command line adds to what the run itself does."""
BUILDS_OF_RUN = {"in_process": 4, "multiprocess": 3}
"""How often the process that calls ``execute_job`` does, by executor. All were counted on Dagster
1.12.22 and 1.13.27."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the machine is. ``cpus`` and ``memory_bytes`` respect cgroup limits and affinity.

    ``cpu_count`` is ``multiprocessing.cpu_count()``: what Dagster's default takes.
    ``id`` is stable for machines of the same class (processor, cores, memory, system).
    """

    id: str
    cpus: float
    cpu_count: int
    memory_bytes: int
    processor: str
    system: str
    python_version: str
    dagster_version: str


@dataclass(frozen=True, slots=True)
class CalibrationRun:
    """One tiny real run in a fresh process, with what it took.

    Attributes:
        wall_s: From the call of ``execute_job`` (or ``execute_in_process``) to its return.
        parent_cpu_s: CPU of the process that called.
        child_cpu_s: CPU of the steps' processes and the forkserver, in all.
        item_wait_s: What each item slept by design.
        run: Its phases, from the event log.
        start_cpu_s: Of ``parent_cpu_s``, what came before the first step; None: not known.
        store_wait_s: What the calling process waited for the storage to store one event, beyond
            its own computing.
        parent_delay_s: For how long the calling process was ready to compute and had no core.
        step_cpu_s, step_delay_s: What a mapped step's process had computed when its op was called,
            and for how long it had no core until then; 0: not measured.
        step_unshared_bytes: Memory that such a process had for itself then; 0: not measured.
        server_import_s, step_import_s: What importing the user's module took of the forkserver's
            start, and of each step. Runs with other modules are comparable beside it.
    """

    method: CalibrationMethod
    max_concurrent: int
    wall_s: float
    parent_cpu_s: float
    child_cpu_s: float
    item_wait_s: float
    run: ObservedRun
    items: int = 0
    started_at_s: float = 0.0
    server_import_s: float = 0.0
    step_import_s: float = 0.0
    start_cpu_s: float | None = None
    store_wait_s: float = 0.0
    parent_delay_s: float = 0.0
    step_cpu_s: float = 0.0
    step_delay_s: float = 0.0
    step_unshared_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StorageSample:
    """Seconds to store and to load one value of ``value_bytes`` through the IO manager."""

    value_bytes: int
    store_s: float
    load_s: float


@dataclass(frozen=True, slots=True)
class CpuScaling:
    """``workers`` CPU-bound processes at once: an item's wall seconds over its seconds alone."""

    workers: int
    slowdown: float


@dataclass(frozen=True, slots=True)
class PreloadList:
    """The warm preload list, and the proof that it works.

    Attributes:
        modules: What to put into ``preload_modules``.
        left_out: Module to the reason why it is not safe before a fork.
        boot_before_s, boot_after_s: Mean boot of a step under the default preload and this one.
    """

    modules: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    boot_before_s: float = 0.0
    boot_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlanGrowth:
    """What Dagster's own bookkeeping costs at ``items`` mapped steps, timed without running them.

    Attributes:
        plan_s: Building the plan of one step, with all mapping keys known (every child does).
        turn_s: One turn of the executor's loop with all items waiting.
    """

    items: int
    plan_s: float
    turn_s: float


StepSaving = Literal["no_compute_logs", "storage_in_memory"]


@dataclass(frozen=True, slots=True)
class CheaperStep:
    """Seconds of a step beside its work (warm forkserver), as it is and with one thing changed.

    ``runs`` is the number of runs of each, taken in turn.
    """

    what: StepSaving
    before_s: float
    after_s: float
    runs: int


@dataclass(frozen=True, slots=True)
class WholeStep:
    """A step that does nothing, run here as a cluster runs it: ``dagster api execute_step``.

    Attributes:
        wall_s: From the start of its process to its end.
        cpu_s: What it computed.
        peak_rss_bytes: Of the process.
        connections: Most that it held to its storage at a time; 0 where that is files.
        cpu_limit: CPUs to which its control group was limited; None: it was not.
    """

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    connections: int
    cpu_limit: float | None

    @property
    def source(self) -> str:
        """Where its figures are from, in words."""
        limit = "without a limit" if self.cpu_limit is None else f"under {self.cpu_limit:g} CPU"
        held = f", {count(self.connections, 'connection')}" if self.connections else ""
        return f"measured here, {limit}: {size(self.peak_rss_bytes)}{held}"


@dataclass(frozen=True, slots=True)
class HostProfile:
    """A calibration of one host, for one Python, Dagster, kind of storage and user module.

    ``runs`` may hold runs with other modules: what depends on the module is in the last four.

    Attributes:
        unmeasured: What could not be measured, to the reason.
        user_import_s: Importing the user's module in a process that has all that a step of
            Dagster's imports.
        user_build_s: Loading the job from that module as a step does, beyond what a preload list
            can take away: building the definitions (a ``@definitions`` function, components), and
            what a file that is no module computes.
        user_rebuild_s: The same once more in the same process: what Dagster does not cache.
        user_rss_bytes: What that adds to the process.
        user_roots: What it asks to be imported; what is safe of it is in the preload list.
        cheaper_steps: What steps would save; empty where there was no time to measure it.
        user_preloaded: Whether a forkserver without a preload list preloads the user's module.
        claim_s: Asking for a slot of a pool or giving it back, the mean.
        whole_step: A step as a cluster runs it; None where none was asked for.
        python_start_s: Until a fresh Python had imported what a run does; 0: not measured.
    """

    facts: HostFacts
    storage: str
    user_module: str | None
    preload: PreloadList
    runs: tuple[CalibrationRun, ...]
    storing: tuple[StorageSample, ...]
    cpu_scaling: tuple[CpuScaling, ...]
    cli_start_s: float | None
    base_rss_bytes: int
    cost_s: float
    calibrated_at: str
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    plan_growth: tuple[PlanGrowth, ...] = ()
    process_start_s: float = 0.3
    user_import_s: float = 0.0
    user_build_s: float = 0.0
    user_rebuild_s: float = 0.0
    user_rss_bytes: int = 0
    user_roots: tuple[str, ...] = ()
    cheaper_steps: tuple[CheaperStep, ...] = ()
    user_preloaded: bool = False
    claim_s: float = CLAIM_S
    whole_step: WholeStep | None = None
    python_start_s: float = 0.0

    @property
    def step_build_s(self) -> float:
        """Building the definitions in one step's process, preloaded or not."""
        return self.user_build_s + (BUILDS_OF_STEP - 1) * self.user_rebuild_s

    @property
    def preloads(self) -> Mapping[CalibrationMethod, bool]:
        """Which methods preload the user's code: the warm list does, unless that is not safe."""
        safe = set(self.user_roots).isdisjoint(self.preload.left_out)
        return {"forkserver": self.user_preloaded, "warm_forkserver": safe}

    @property
    def forked_step_bytes(self) -> int:
        """Memory that a step under the warm forkserver has for itself; 0: not measured."""
        runs = [run for run in self.runs if run.method == "warm_forkserver"]
        return max((run.step_unshared_bytes for run in runs), default=0)


def user_import_in(
    method: CalibrationMethod, import_s: float, preloads: Mapping[CalibrationMethod, bool]
) -> tuple[float, float]:
    """What the user's import takes of the forkserver's start, and of each step, in seconds.

    ``preloads`` says which methods preload the user's code.
    """
    if method in SERIAL_METHODS:
        return 0.0, 0.0
    return (import_s, 0.0) if preloads.get(method) else (0.0, import_s)


def building(host: HostProfile, *, in_steps: bool = True) -> str:
    """What Dagster builds, how often, and what of it a preload list takes away."""
    first, again = seconds(host.user_build_s), seconds(host.user_rebuild_s)
    imports = seconds(host.user_import_s)
    if not in_steps:
        return (
            f"Dagster builds the definitions of {host.user_module} "
            f"{BUILDS_OF_RUN['in_process']} times when a run starts ({again} each), and "
            f"{BUILDS_OF_STEP} times in every step with a process of its own"
        )
    return (
        f"Every step builds the definitions of {host.user_module}, with a preload list or without "
        f"one: {first} for its plan and {again} for its context. A preload list can take away the "
        f"{imports} of imports alone"
    )
