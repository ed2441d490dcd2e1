"""What the simulation of a multiprocess run takes and gives: its steps, and its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field

from advisor.domain.tag_limits import TagLimits


@dataclass(frozen=True, slots=True)
class StepWork:
    """What one step does besides Dagster's own overhead (seconds alone on the machine).

    Attributes:
        cpu_s: CPU seconds of its work, in all threads.
        wait_s: Seconds it waits (sleep, network, disk).
        threads: Cores it uses at once while it computes (BLAS); 1 for plain Python.
        load_s, store_s: Moving its payload through the IO manager, beyond the fixed part.
        io_wait_share: Of the latter, the share that waits (a network); the rest computes.
        first_s, first_wait_s: Its first calls and the start of its workers, on one core, before the
            work: computing, and then waiting.
        resources_s, resources_wait_s: Starting the op's resources: computing, and then waiting.
        outputs: Number of outputs it stores one by one (a fan-out op), 0 for one output.
        events: That its ops have Dagster record, beside the step's own.
        messages: Of them, those of which the parent is told.
        inputs: Number of inputs that it loads one by one (a collecting op), 0 for one input.
    """

    cpu_s: float
    wait_s: float = 0.0
    threads: float = 1.0
    load_s: float = 0.0
    store_s: float = 0.0
    io_wait_share: float = 0.0
    first_s: float = 0.0
    first_wait_s: float = 0.0
    resources_s: float = 0.0
    resources_wait_s: float = 0.0
    outputs: int = 0
    events: float = 0.0
    messages: float = 0.0
    inputs: int = 0


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The steps of a run: what comes before, the mapped chains, what collects.

    ``mapped[i][k]`` is stage ``k`` of item (or batch) ``i``; None where the item skips it.
    ``total_items`` is the size of the real run where only its first items are simulated:
    bookkeeping grows with it. ``stage_pools``
    names the pool of each stage (none where it is shorter), ``pool_limits`` the pools' slots;
    ``tag_limits`` are the executor's.
    """

    before: tuple[StepWork, ...]
    mapped: Sequence[Sequence[StepWork | None]]
    after: tuple[StepWork, ...]
    depth_first: bool = False
    total_items: int | None = None
    stage_pools: tuple[str | None, ...] = ()
    pool_limits: Mapping[str, int] = field(default_factory=dict)
    tag_limits: TagLimits = field(default_factory=TagLimits)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the simulation found (seconds).

    Attributes:
        makespan_s: From the call of ``execute_job`` to its return.
        core_seconds: CPU of all processes.
        work_s, launch_s, serialize_s: Slot-seconds in each phase, over all steps.
        first_result_s: When the first mapped chain was complete.
        pool_wait_s: Seconds in which a pool's slot stood empty though a step waited for it.
        pod_s: Seconds from start to end, summed over all pods; 0 where there are none.
    """

    makespan_s: float
    core_seconds: float
    work_s: float
    launch_s: float
    serialize_s: float
    first_result_s: float
    pool_wait_s: float = 0.0
    pod_s: float = 0.0

    @classmethod
    def weighted(cls, parts: Sequence[tuple[Timeline, float]]) -> Timeline:
        """The sum of timelines, each times its weight."""
        rows = [[value * weight for value in astuple(each)] for each, weight in parts]
        return cls(*map(sum, zip(*rows, strict=True)))
