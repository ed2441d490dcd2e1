"""Which ways to run a workload allows, which it rules out and why, and how it runs now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from advisor.domain.advice import Rejection, RejectionKind
from advisor.domain.candidate import Candidate
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import (
    ExecutorSetting,
    OpProfile,
    WorkloadDescription,
    WorkloadProfile,
)

if TYPE_CHECKING:
    from advisor.model.prediction import Setting


@dataclass(frozen=True, slots=True)
class WaysToRun:
    """What a search may choose from.

    Attributes:
        candidates: The ways that are possible.
        impossible: The others, each with its reason.
        current: The job's own way, where there is a model of it and it is possible.
        default: Dagster's default, where it is possible.
        only_in_memory: Why nothing but ``execute_in_process`` can run the job; None: others can.
    """

    candidates: tuple[Candidate, ...]
    impossible: tuple[Rejection, ...]
    current: Candidate | None
    default: Candidate | None
    only_in_memory: str | None = None


def ways_to_run(saved: Measured, options: AdviseOptions, setting: Setting) -> WaysToRun:
    """All ways for a workload, as far as its op, its values and its job allow them."""
    preload = preload_list(saved)
    cannot = _why_no_process(saved)
    no_loop = no_event_loop(saved.description)
    candidates = _candidates(
        saved, options, setting, processes=cannot is None, loop=no_loop is None
    )
    impossible = _on_no_loop(setting.items.count, no_loop)
    if cannot is not None:
        every = _candidates(saved, options, setting, processes=True, loop=False)
        impossible += tuple(Rejection(way, cannot) for way in every if way not in candidates)
    unforkable = _unforkable(saved, candidates)
    unwritable = _unwritable(saved.description, candidates)
    impossible += unforkable + unwritable
    excluded = {rejection.candidate for rejection in (*unforkable, *unwritable)}
    candidates = tuple(way for way in candidates if way not in excluded)
    executor = _executor_there(saved, options)
    current = current_candidate(executor, preload, loop=no_loop is None)
    default: Candidate | None = default_candidate(saved, options)
    if cannot is not None or "spawn" not in saved.overhead.multiprocess:
        default = None
        current = current if current and current.executor != "multiprocess" else None
    if saved.overhead.cli_start_s is not None:
        plain = (Candidate("execute_job", "in_process"), default, current)
        candidates += tuple(
            replace(way, launch="cli") for way in dict.fromkeys(plain) if way is not None
        )
    storable, unstorable = storable_ways(saved, candidates)
    if not unstorable:
        return WaysToRun(candidates, impossible, current, default)
    return WaysToRun(
        storable, (*impossible, *unstorable), None, None, only_in_memory=unstorable[0].reason
    )


def _candidates(
    saved: Measured, options: AdviseOptions, setting: Setting, *, processes: bool, loop: bool
) -> tuple[Candidate, ...]:
    from advisor.model.candidates import WorkerChoice, all_candidates
    from advisor.model.own_threads import with_one_thread
    from advisor.model.prediction import items_cap

    cap = items_cap(setting, options.max_connections, connections_held(saved.workload))
    preload = preload_list(saved)
    found = all_candidates(
        setting.items.count,
        overhead=saved.overhead,
        preload=preload,
        workers=WorkerChoice(setting.contention, setting.machine.cores, processes, cap),
        processes_possible=processes,
        asynchronous=loop,
    )
    if setting.limited is None:
        return found
    limited = all_candidates(
        setting.items.count,
        overhead=saved.overhead,
        preload=preload,
        workers=WorkerChoice(setting.limited.contention, setting.machine.cores, processes, cap),
        processes_possible=processes,
    )
    return found + with_one_thread(limited)


def _why_no_process(saved: Measured) -> str | None:
    """Why steps and items cannot have processes of their own; None where they can."""
    unpicklable = [op.unpicklable for op in saved.workload.ops if op.unpicklable is not None]
    if unpicklable:
        return f"what cannot be pickled cannot cross a process: {'; '.join(unpicklable)}"
    # A bare op or function is advised for the job that it will stand in.
    if saved.description.reconstructable or saved.description.job_name is None:
        return None
    return saved.description.not_reconstructable_reason or "the job cannot be rebuilt"


def _unforkable(saved: Measured, candidates: tuple[Candidate, ...]) -> tuple[Rejection, ...]:
    """The forkservers that would import the user's module, where it is not safe before a fork.

    One without a preload list imports the module of the job; see `preload_list` for the others.
    """
    module = saved.description.target.module_name
    why = saved.workload.unsafe_modules.get(module)
    if why is None or not saved.host.user_preloaded:
        return ()
    reason = f"a forkserver without a preload list imports {module}, which {why}"
    return tuple(
        Rejection(way, reason)
        for way in candidates
        if way.start_method == "forkserver" and not way.preload_modules
    )


def _unwritable(
    description: WorkloadDescription, candidates: tuple[Candidate, ...]
) -> tuple[Rejection, ...]:
    """The ways in batches or with workers inside steps, where no code for them can be emitted."""
    from advisor.emit import obstacle_to_batches

    obstacle = obstacle_to_batches(description)
    if obstacle is None:
        return ()
    return tuple(
        Rejection(way, f"{obstacle.what} {obstacle.hint or ''}".strip(), RejectionKind.NO_SNIPPET)
        for way in candidates
        if way.is_batched
    )


def held_by(op: OpProfile) -> int:
    """Most connections that a call of an op was seen to hold."""
    calls = (*op.first_calls, *op.preloaded_first_calls, *op.later_calls)
    return max((sample.connections for sample in calls), default=0)


def connections_held(workload: WorkloadProfile) -> int:
    """Connections that an item counts with: at least one."""
    return max(1, max(map(held_by, workload.ops), default=1))


def preload_list(saved: Measured) -> tuple[str, ...]:
    """The host's warm preload list with what the ops import on their first call.

    Without what the profile refuses: the host may have been calibrated with an earlier version of
    the user's module.
    """
    modules = dict.fromkeys(saved.host.preload.modules)
    if not modules:
        return ()
    for op in saved.workload.ops:
        modules.update(dict.fromkeys(op.first_call_modules))
    return tuple(module for module in modules if module not in saved.workload.unsafe_modules)


def current_candidate(
    executor: ExecutorSetting | None, preload: tuple[str, ...], *, loop: bool = False
) -> Candidate | None:
    """The job's own way to run, as far as there is a model of it.

    There is none of an event loop that an op blocks; ``loop`` says that none does.
    """
    from advisor.model.candidates import LOOP_CONCURRENT

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


def _executor_there(saved: Measured, options: AdviseOptions) -> ExecutorSetting | None:
    """The job's executor as it is on the machine asked about, whose CPUs may be its default."""
    executor = saved.description.executor
    if executor is None or options.cores is None or executor.executor != "multiprocess":
        return executor
    by_cpus = executor.effective_max_concurrent == saved.host.facts.cpu_count
    if executor.max_concurrent is not None or not by_cpus:
        return executor
    there = default_candidate(saved, options).max_concurrent
    return replace(executor, effective_max_concurrent=there)


def default_candidate(saved: Measured, options: AdviseOptions) -> Candidate:
    """Dagster's default: multiprocess, spawn, ``cpu_count`` at once."""
    slots = round(options.cores) if options.cores else saved.host.facts.cpu_count
    return Candidate("execute_job", "multiprocess", "spawn", (), max(1, slots))


def no_event_loop(description: WorkloadDescription) -> str | None:
    """Why the steps cannot share an event loop; empty where no op asks for one, None: they can."""
    blocking = [op.name for op in description.mapped if not op.is_async]
    if len(blocking) == len(description.mapped):
        return ""
    if blocking:
        return f"{', '.join(blocking)} is not `async def` and would block the loop of the others"
    if find_spec("dagster_async_executor") is None:
        return "needs dagster-async-executor: pip install 'dynadvise[async]'"
    return None


def _on_no_loop(items: int, reason: str | None) -> tuple[Rejection, ...]:
    """The ways on an event loop, where an op asks for one and cannot have it."""
    from advisor.model.candidates import on_event_loop

    return tuple(Rejection(way, reason) for way in on_event_loop(items)) if reason else ()


def has_priorities(description: WorkloadDescription) -> bool:
    """Whether tags in the user's code order the chain already."""
    return any("dagster/priority" in op.tags for op in description.mapped)


def may_be_ordered(description: WorkloadDescription) -> bool:
    """Whether tags could make the chain depth first, and code for them can be emitted."""
    return (
        len(description.mapped) > 1
        and description.kind in ("job", "graph")
        and all(len(op.reference.node_path) == 1 for op in description.mapped)
        and not has_priorities(description)
    )


def storable_ways(
    saved: Measured, candidates: tuple[Candidate, ...]
) -> tuple[tuple[Candidate, ...], tuple[Rejection, ...]]:
    """The ways that can hand on what the ops return, and the others with the reason.

    Under Dagster's default IO manager every way but ``execute_in_process`` pickles it.
    """
    reasons = [op.unpicklable for op in saved.workload.ops if op.unpicklable is not None]
    if not reasons or not saved.description.pickles:
        return candidates, ()
    reason = f"the default IO manager pickles what a step hands on: {'; '.join(reasons)}"
    storable = tuple(way for way in candidates if way.launch == "execute_in_process")
    return storable, tuple(Rejection(way, reason) for way in candidates if way not in storable)
