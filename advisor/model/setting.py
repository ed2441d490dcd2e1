"""What a prediction needs besides the candidate, and what limits a candidate's steps there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from advisor.domain.candidate import Candidate
from advisor.domain.cluster import Cluster
from advisor.domain.host import CpuScaling
from advisor.domain.no_prediction import NoModelError, Unpredictable
from advisor.domain.overhead import MultiprocessOverhead, OverheadModel, overhead_key
from advisor.domain.tag_limits import TagLimits
from advisor.domain.trial import RateLimit
from advisor.model.contention import Contention
from advisor.model.items import Items
from advisor.model.limits import NOTHING_PROBED, Limits
from advisor.model.stage import CallKind

DRAWS = 200
"""Resampled workloads behind each interval."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine to predict for; ``memory_headroom`` is the share of its memory to leave free."""

    cores: float
    memory_bytes: int
    base_rss_bytes: int = 0
    memory_headroom: float = 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything a prediction needs besides the candidate.

    Attributes:
        before_steps, after_steps: Steps before the mapped ones, and after them.
        correction: Factor by the candidate's kind (`Candidate.kind`), from real runs.
        depth_first: Whether the user's tags make the chain depth first.
        stage_pools: Pool of each mapped op; those in ``pool_limits`` are limited.
        holding_stages: Which of them hold connections; empty where unknown.
        limited: The same with one thread per item; None where that was not measured.
        rate: At which the service behind the items lets them through; None: no limit.
        in_memory: Whether ``execute_in_process`` keeps values in memory: it replaces Dagster's
            default IO manager, and no other.
        cluster: What runs the steps of the executors that start a pod for each; None: unknown.
    """

    items: Items
    contention: Contention
    overhead: OverheadModel
    machine: Machine
    before_steps: int = 0
    after_steps: int = 1
    draws: int = DRAWS
    correction: Mapping[str, float] = field(default_factory=dict)
    depth_first: bool = False
    stage_pools: tuple[str | None, ...] = ()
    pool_limits: Mapping[str, int] = field(default_factory=dict)
    tag_limits: TagLimits = field(default_factory=TagLimits)
    holding_stages: tuple[bool, ...] = ()
    limited: Setting | None = None
    rate: RateLimit | None = None
    cluster: Cluster | None = None
    limits: Limits = NOTHING_PROBED
    in_memory: bool = True

    def under(self, candidate: Candidate) -> Setting:
        """The setting as it is with the candidate's limit of an item's own threads."""
        return self.limited if candidate.op_threads is not None and self.limited else self

    @property
    def capacity(self) -> float:
        """The machine's `capacity_of`; a quota below one core is one core, a slow one."""
        return max(1.0, capacity_of(self.machine.cores, self.overhead.cpu_scaling))


def capacity_of(cores: float, scaling: Sequence[CpuScaling]) -> float:
    """Cores that CPU-bound processes really get when all are busy (hyperthreads, steal)."""
    busy = [each for each in scaling if 1 < each.workers <= cores]
    if not busy:
        return cores
    widest = max(busy, key=lambda each: each.workers)
    return max(1.0, cores / max(1.0, widest.slowdown))


def step_price(candidate: Candidate, setting: Setting) -> MultiprocessOverhead:
    """What a multiprocess candidate's steps cost beside the work.

    Raises:
        NoModelError: Its start method could not be calibrated.
    """
    calibrated = setting.overhead.multiprocess
    key = overhead_key(candidate.start_method, warm=candidate.is_warm)
    if key not in calibrated:
        raise NoModelError(candidate, Unpredictable.METHOD, *sorted(calibrated))
    return calibrated[key]


def pools_of(candidate: Candidate, setting: Setting) -> tuple[str | None, ...]:
    """The limited pool of each mapped step of an item; a batch has the first of its ops'."""
    pools = tuple(p if p in setting.pool_limits else None for p in setting.stage_pools)
    return (next(filter(None, pools), None),) if candidate.is_batched else pools


def tag_limits_of(candidate: Candidate, setting: Setting) -> TagLimits:
    """The executor's tag limits on the candidate's steps."""
    limits = setting.tag_limits
    return limits.in_batches() if candidate.is_batched else limits


def steps_at_once(candidate: Candidate, setting: Setting) -> int:
    """Mapped steps that can run at once: the executor's slots, or fewer where a limit is lower."""
    tagged = tag_limits_of(candidate, setting).steps_at_once
    most = candidate.max_concurrent if tagged is None else min(candidate.max_concurrent, tagged)
    pools = pools_of(candidate, setting)
    if not pools or None in pools:
        return most
    return min(most, sum(setting.pool_limits[pool] for pool in set(pools) if pool))


def items_cap(setting: Setting, connections: int | None, each: int) -> int | None:
    """Most items that can be in work at once; None where nothing limits it.

    Args:
        connections: Most that may be held in all; None: no limit.
    """
    pools = [pool for pool in setting.stage_pools if pool in setting.pool_limits]
    limits = [setting.pool_limits[pool] for pool in pools if pool is not None]
    limits += setting.tag_limits.steps.values()
    if connections is not None:
        limits.append(max(1, connections // each))
    return min(limits, default=None)


def call_kind(candidate: Candidate) -> CallKind:
    """Which price a step's first item pays under this way to run."""
    if candidate.executor == "in_process":
        return "later"
    return "preloaded" if candidate.is_warm else "first"


def stages_of(candidate: Candidate, setting: Setting) -> float:
    """Steps of an item's chain, on average: a batch runs it whole in one."""
    return 1 if candidate.is_batched else sum(stage.share for stage in setting.items.stages)


def ends_transfer_s(candidate: Candidate, setting: Setting) -> tuple[float, float]:
    """Storing what the fan-out yields, and loading what is collected, for all items.

    Beyond the tiny values that are in the overhead of an output and of an input.
    """
    items, overhead = setting.items, setting.overhead
    steps, count = candidate.steps(items.count), items.count
    stored_s = overhead.store_byte_s * items.input_bytes * count
    loaded_s = overhead.load_byte_s * items.output_bytes * count
    tiny_s = steps * overhead.transfer_s / 2
    if items.yielded is not None:
        stored_s = max(0.0, items.yielded.stored_s(steps, count) - tiny_s)
    if items.collected is not None:
        loaded_s = max(0.0, items.collected.loaded_s(steps, count) - tiny_s)
    return stored_s, loaded_s if setting.after_steps else 0.0
