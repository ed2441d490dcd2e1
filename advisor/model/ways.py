"""Which ways to run a workload allows, which it rules out and why, and how it runs now."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import cast, get_args

from advisor.domain.candidate import Candidate, Executor
from advisor.domain.cluster import unmodelled
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.rejection import Cause, Refusal, Rejection
from advisor.domain.workload import OpProfile, WorkloadDescription, WorkloadProfile
from advisor.model.candidates import LOOP_CONCURRENT, WorkerChoice, all_candidates, on_event_loop
from advisor.model.cluster_ways import cluster_candidates
from advisor.model.own_threads import with_one_thread
from advisor.model.rate import most_fed
from advisor.model.setting import Setting, items_cap


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Why ways cannot be written or installed here, which the model cannot know.

    Attributes:
        batches: Why no code for batches can be emitted; None where it can.
        event_loop: Why there is no executor for an event loop; None where there is.
    """

    batches: Refusal | None = None
    event_loop: Refusal | None = None


@dataclass(frozen=True, slots=True)
class WaysToRun:
    """What a search may choose from.

    Attributes:
        impossible: The others, each with its reason.
        current: The job's own way, where there is a model of it and it is possible.
        own: The job's own way, also where there is no model of it; None for a bare op.
        default: Dagster's default, where it is possible and not another executor is the job's.
        only_in_memory: Why nothing but ``execute_in_process`` can run the job; None: others can.
    """

    candidates: tuple[Candidate, ...]
    impossible: tuple[Rejection, ...]
    current: Candidate | None
    default: Candidate | None
    only_in_memory: Refusal | None = None
    own: Candidate | None = None


def ways_to_run(
    measured: Measured, options: AdviseOptions, setting: Setting, obstacles: Obstacles
) -> WaysToRun:
    """All ways for a workload, as far as its op, its values and its job allow them."""
    preload = preload_list(measured)
    cannot = _why_no_process(measured)
    no_loop = no_event_loop(measured.description, obstacles.event_loop)
    candidates = _candidates(
        measured, options, setting, processes=cannot is None, loop=no_loop is None
    )
    if cannot is None and setting.cluster is not None:
        cap = items_cap(setting, options.max_connections, connections_held(measured.workload))
        candidates += cluster_candidates(setting, cap)
    asynchronous = any(op.is_async for op in measured.description.mapped)
    on_loop = on_event_loop(setting.items.count) if asynchronous else ()
    impossible = _ruled_out(on_loop, no_loop)
    if cannot is not None:
        every = _candidates(measured, options, setting, processes=True, loop=False)
        impossible += _ruled_out(_without(candidates, every), cannot)
    forking = [w for w in candidates if w.start_method == "forkserver" and not w.preload_modules]
    batched = [way for way in candidates if way.is_batched]
    impossible += _ruled_out(forking, _why_no_fork(measured))
    impossible += _ruled_out(batched, obstacles.batches)
    candidates = _without([rejection.candidate for rejection in impossible], candidates)
    executor = _executor_there(measured, options)
    current = current_candidate(executor, preload, loop=no_loop is None)
    default: Candidate | None = default_candidate(measured, options)
    own = current or own_candidate(executor, setting)
    if own is not None and own.executor in {way.executor for way in candidates}:
        current = own
    if unmodelled(executor):
        default = None
    if "spawn" not in measured.overhead.multiprocess:
        unmeasured = Refusal(Cause.NOT_MEASURED, (measured.host.unmeasured.get("spawn"),))
        named = dict.fromkeys(filter(None, (current, default)))
        unseen = [way for way in named if way.executor == "multiprocess"]
        impossible += _ruled_out(unseen, unmeasured)
    if cannot is not None or "spawn" not in measured.overhead.multiprocess:
        default = None
        current = current if current and current.executor != "multiprocess" else None
    if measured.overhead.cli_start_s is not None and setting.cluster is None:
        plain = (Candidate("execute_job", "in_process"), default, current)
        candidates += tuple(
            replace(way, launch="cli") for way in dict.fromkeys(plain) if way is not None
        )
    unstorable = [way for way in candidates if way.launch != "execute_in_process"]
    in_memory = _why_only_in_memory(measured)
    if in_memory is None or not unstorable:
        return WaysToRun(candidates, impossible, current, default, own=own)
    impossible += _ruled_out(unstorable, in_memory)
    return WaysToRun(_without(unstorable, candidates), impossible, None, None, in_memory, own)


def _ruled_out(ways: Iterable[Candidate], refusal: Refusal | None) -> tuple[Rejection, ...]:
    """The rejections of ways, where there is a reason for it."""
    return tuple(refusal.rejects(way) for way in ways) if refusal else ()


def _without(
    excluded: Collection[Candidate], candidates: Iterable[Candidate]
) -> tuple[Candidate, ...]:
    return tuple(way for way in candidates if way not in excluded)


def _candidates(
    measured: Measured, options: AdviseOptions, setting: Setting, *, processes: bool, loop: bool
) -> tuple[Candidate, ...]:
    """All candidates, and where threads of an item's own matter, those with one thread per item."""
    held = items_cap(setting, options.max_connections, connections_held(measured.workload))
    cap = min(filter(None, (held, most_fed(setting))), default=None)

    def candidates(of: Setting, *, loop: bool) -> tuple[Candidate, ...]:
        return all_candidates(
            of.items.count,
            overhead=measured.overhead,
            preload=preload_list(measured),
            workers=WorkerChoice(of.contention, of.machine.cores, processes, cap),
            asynchronous=loop,
        )

    plain = candidates(setting, loop=loop)
    if setting.limited is None:
        return plain
    return plain + with_one_thread(candidates(setting.limited, loop=False))


def _why_no_process(measured: Measured) -> Refusal | None:
    """Why steps and items cannot have processes of their own; None where they can."""
    unpicklable = [op.unpicklable for op in measured.workload.ops if op.unpicklable is not None]
    if unpicklable:
        return Refusal(Cause.NOT_PICKLED, tuple(unpicklable))
    # A bare op or function is advised for the job that it will stand in.
    if measured.description.reconstructable or measured.description.job_name is None:
        return None
    return Refusal(Cause.NOT_REBUILT, (measured.description.not_reconstructable_reason,))


def _why_no_fork(measured: Measured) -> Refusal | None:
    """Why the forkservers that import the job's module are not safe; None where they are.

    Those are the ones without a preload list; see `preload_list` for the others.
    """
    module = measured.description.target.module_name
    why = measured.workload.unsafe_modules.get(module)
    if why is None or not measured.host.user_preloaded:
        return None
    return Refusal(Cause.UNSAFE_IMPORT, (module, why))


def held_by(op: OpProfile) -> int:
    """Most connections that a call of an op was seen to hold."""
    calls = (*op.first_calls, *op.preloaded_first_calls, *op.later_calls)
    return max((sample.connections for sample in calls), default=0)


def connections_held(workload: WorkloadProfile) -> int:
    """Connections that an item counts with: at least one."""
    return max(1, max(map(held_by, workload.ops), default=1))


def preload_list(measured: Measured) -> tuple[str, ...]:
    """The host's warm preload list with what the ops import on their first call.

    Without what the profile refuses: the host may have been calibrated with an earlier version of
    the user's module.
    """
    modules = dict.fromkeys(measured.host.preload.modules)
    if not modules:
        return ()
    for op in measured.workload.ops:
        modules.update(dict.fromkeys(op.first_call_modules))
    return tuple(module for module in modules if module not in measured.workload.unsafe_modules)


def own_candidate(executor: ExecutorSetting | None, setting: Setting) -> Candidate | None:
    """The job's own way under an executor that may have no model; None for all others."""
    if executor is None or executor.executor in ("in_process", "multiprocess"):
        return None
    workers = setting.cluster and setting.cluster.slots
    slots = executor.max_concurrent or workers or setting.items.count
    kind = executor.executor if executor.executor in get_args(Executor) else "other"
    return Candidate("execute_job", cast("Executor", kind), max_concurrent=slots)


def current_candidate(
    executor: ExecutorSetting | None, preload: tuple[str, ...], *, loop: bool = False
) -> Candidate | None:
    """The job's own way to run, as far as there is a model of it.

    There is none of an event loop that an op blocks; ``loop`` says that none does.
    """
    if executor is None:
        return None
    if executor.executor == "in_process":
        return Candidate("execute_job", "in_process")
    if executor.executor == "async" and loop:
        slots = executor.effective_max_concurrent or LOOP_CONCURRENT[-1]
        return Candidate("execute_job", "async", max_concurrent=slots)
    if executor.executor != "multiprocess":
        return None
    modules = executor.preload_modules or ()
    covers = bool(preload) and set(preload) <= set(modules)
    return Candidate(
        "execute_job",
        "multiprocess",
        executor.start_method or "spawn",
        modules if covers else (),
        executor.effective_max_concurrent or 1,
    )


def _executor_there(measured: Measured, options: AdviseOptions) -> ExecutorSetting | None:
    """The job's executor as it is on the machine asked about, whose CPUs may be its default."""
    executor = measured.description.executor
    if executor is None or executor.executor != "multiprocess":
        return executor
    by_cpus = executor.effective_max_concurrent == measured.host.facts.cpu_count
    if executor.max_concurrent is not None or not by_cpus:
        return executor
    there = options.default_concurrent(measured.host.facts.cpu_count)
    return replace(executor, effective_max_concurrent=there)


def default_candidate(measured: Measured, options: AdviseOptions) -> Candidate:
    """Dagster's default: multiprocess, spawn, ``cpu_count`` at once."""
    slots = options.default_concurrent(measured.host.facts.cpu_count)
    return Candidate("execute_job", "multiprocess", "spawn", (), slots)


def no_event_loop(description: WorkloadDescription, obstacle: Refusal | None) -> Refusal | None:
    """Why the steps cannot share an event loop; None where they can."""
    blocking = tuple(op.name for op in description.mapped if not op.is_async)
    return Refusal(Cause.BLOCKED_LOOP, blocking) if blocking else obstacle


def may_be_ordered(description: WorkloadDescription) -> bool:
    """Whether tags could make the chain depth first: none do yet, and code can be emitted."""
    return (
        len(description.mapped) > 1
        and description.kind in ("job", "graph")
        and all(len(op.reference.node_path) == 1 for op in description.mapped)
        and not any("dagster/priority" in op.tags for op in description.mapped)
    )


def _why_only_in_memory(measured: Measured) -> Refusal | None:
    """Why what the ops return can only be handed on in memory; None where it can be stored.

    Under Dagster's default IO manager every way but ``execute_in_process`` pickles it.
    """
    reasons = [op.unpicklable for op in measured.workload.ops if op.unpicklable is not None]
    if not reasons or not measured.description.pickles:
        return None
    return Refusal(Cause.NOT_STORED, tuple(reasons))
