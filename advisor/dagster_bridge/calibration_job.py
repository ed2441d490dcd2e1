"""The tiny job of a calibration, and what Dagster's own bookkeeping costs as a run grows.

The job is built by :mod:`advisor.dagster_bridge.calibration_definition` in each of its processes.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from dagster import (
    DagsterExecutionInterruptedError,
    DagsterInstance,
    EventLogEntry,
    FilesystemIOManager,
    JobDefinition,
    build_input_context,
    build_output_context,
    build_reconstructable_job,
    execute_job,
)

from advisor.dagster_bridge.calibration_definition import build_job
from advisor.dagster_bridge.event_log import read_run
from advisor.dagster_bridge.instances import import_instances
from advisor.dagster_bridge.private import (
    ActiveExecution,
    ExecuteStepArgs,
    KnownExecutionState,
    ReconstructableJob,
    RetryMode,
    _core_multiprocess_executor_creation,
    create_execution_plan,
)
from advisor.dagster_bridge.process_usage import children_cpu_s, delayed_by_others_s, own_cpu_s
from advisor.domain.host import CalibrationMethod, CalibrationRun, PlanGrowth, StorageSample
from advisor.domain.workload import TargetReference

CLAIMS = 8
"""Claims of a pool's slot that are timed: about 0.2 s on SQLite."""


@dataclass
class StorageWaits:
    """What storing events took of this process beyond its own computing.

    Attributes:
        events: That it stored.
        waited_s: In all.
        first_step_cpu_s: `own_cpu_s` when the first step was about to start; None before.
    """

    events: int = 0
    waited_s: float = 0.0
    first_step_cpu_s: float | None = None

    @property
    def each_s(self) -> float:
        """Seconds for one event."""
        return self.waited_s / max(1, self.events)


@contextmanager
def storage_waits(instance: DagsterInstance) -> Iterator[StorageWaits]:
    """Clock the storing of events while the block runs."""
    waits, storage = StorageWaits(), instance.event_log_storage
    store = storage.store_event

    def clocked(event: EventLogEntry) -> None:
        told = event.dagster_event
        starts = told is not None and told.event_type_value == "STEP_WORKER_STARTING"
        if starts and waits.first_step_cpu_s is None:
            waits.first_step_cpu_s = own_cpu_s()
        begun, busy_s = time.perf_counter(), time.thread_time() + delayed_by_others_s()
        store(event)
        busy_s = time.thread_time() + delayed_by_others_s() - busy_s
        waits.events += 1
        waits.waited_s += max(0.0, time.perf_counter() - begun - busy_s)

    storage.store_event = clocked  # type: ignore[method-assign]
    try:
        yield waits
    finally:
        del storage.store_event


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """One tiny run, of one step at a time.

    Attributes:
        preload: ``preload_modules`` for a forkserver; None: Dagster's default.
        target: Whose code every process imports; None: Dagster alone.
        instance_home: ``DAGSTER_HOME`` of a temporary instance.
    """

    method: CalibrationMethod
    items: int
    item_wait_s: float
    preload: tuple[str, ...] | None
    target: TargetReference | None
    instance_home: str


def run_config(request: CalibrationRequest) -> dict[str, object]:
    """The executor's config for a request."""
    if request.method in {"execute_in_process", "in_process"}:
        return {"execution": {"config": {"in_process": {}}}}
    start: dict[str, object] = {"spawn": {}}
    if request.method != "spawn":
        preload = {} if request.preload is None else {"preload_modules": list(request.preload)}
        start = {"forkserver": preload}
    config = {"max_concurrent": 1, "start_method": start}
    return {"execution": {"config": {"multiprocess": config}}}


@cache
def forkserver_preloads_the_job() -> bool:
    """Whether a forkserver without ``preload_modules`` preloads the job's module, as documented.

    Dagster 1.13 does not: it reads an absent list as an empty one, which counts as explicit.
    """
    config: dict[str, object] = {"retries": {"enabled": {}}, "start_method": {"forkserver": {}}}
    executor = _core_multiprocess_executor_creation(config)
    return executor._explicit_forkserver_preload is None


def _arguments(request: CalibrationRequest) -> tuple[Any, ...]:
    target = request.target
    return (
        request.items,
        request.item_wait_s,
        target.module if target else None,
        target.file if target else None,
        target.working_directory if target else None,
    )


def _reconstructable(request: CalibrationRequest) -> ReconstructableJob:
    return build_reconstructable_job(build_job.__module__, build_job.__name__, _arguments(request))


def execute_calibration(request: CalibrationRequest) -> CalibrationRun:
    """Run the calibration's job once; called in a fresh process."""
    definition = build_job(*_arguments(request))
    if request.method == "execute_in_process":
        return _execute_in_process(request, definition)
    reconstructable = _reconstructable(request)
    with (
        DagsterInstance.from_config(request.instance_home) as instance,
        storage_waits(instance) as waits,
    ):
        own, children, begun = own_cpu_s(), children_cpu_s(), time.perf_counter()
        started, delayed_s = time.time(), delayed_by_others_s()
        with execute_job(
            reconstructable,
            instance=instance,
            run_config=run_config(request),
            raise_on_error=True,
        ) as done:
            wall = time.perf_counter() - begun
            parent, child = own_cpu_s() - own, children_cpu_s() - children
            parent_delay_s = delayed_by_others_s() - delayed_s
            run_id = done.run_id
            step_cpu_s, step_delay_s, step_bytes = done.output_for_node("collect")
        before_s = waits.first_step_cpu_s
        return CalibrationRun(
            method=request.method,
            max_concurrent=1,
            wall_s=wall,
            parent_cpu_s=parent,
            child_cpu_s=child,
            item_wait_s=request.item_wait_s,
            run=read_run(instance, run_id),
            items=request.items,
            started_at_s=started,
            start_cpu_s=None if before_s is None else before_s - own,
            store_wait_s=waits.each_s,
            parent_delay_s=parent_delay_s,
            step_cpu_s=step_cpu_s,
            step_delay_s=step_delay_s,
            step_unshared_bytes=round(step_bytes),
        )


def _execute_in_process(request: CalibrationRequest, definition: JobDefinition) -> CalibrationRun:
    import_instances()  # a part of opening an instance, not of the call
    own, begun = own_cpu_s(), time.perf_counter()
    started, delayed_s = time.time(), delayed_by_others_s()
    # An ephemeral instance of our own is what the call makes itself, and can be read back.
    with DagsterInstance.ephemeral() as ephemeral:
        result = definition.execute_in_process(instance=ephemeral)
        wall = time.perf_counter() - begun
        cpu_s, delayed_s = own_cpu_s() - own, delayed_by_others_s() - delayed_s
        return CalibrationRun(
            method=request.method,
            max_concurrent=1,
            wall_s=wall,
            parent_cpu_s=cpu_s,
            child_cpu_s=0.0,
            item_wait_s=request.item_wait_s,
            run=read_run(ephemeral, result.run_id),
            items=request.items,
            started_at_s=started,
            parent_delay_s=delayed_s,
        )


def step_command(request: CalibrationRequest) -> list[str]:
    """The command of the tiny job's first step, as a pod gets it, of a run made for it.

    Called in a process of its own: it imports the user's code.
    """
    job = _reconstructable(request)
    origin = job.get_python_origin()
    with DagsterInstance.from_config(request.instance_home) as instance:
        run = instance.create_run_for_job(job.get_definition(), job_code_origin=origin)
        step = ExecuteStepArgs(origin, run.run_id, ["fan_out"], instance.get_ref())
        return list(step.get_command_args())


def plan_growth(sizes: tuple[int, ...]) -> tuple[PlanGrowth, ...]:
    """CPU seconds of Dagster's bookkeeping for runs of these sizes, without running a step.

    ``plan_s`` is what every child does with the known state it is sent: unpickle it and build
    the plan of its one step. ``turn_s`` is what the executor does in each turn of its loop.
    """
    definition = build_job(2, 0.0)
    growth = []
    for size in sizes:
        keys = [f"i{item}" for item in range(size)]
        state = KnownExecutionState(dynamic_mappings={"fan_out": {"result": keys}})

        def build(step_keys: list[str] | None, state: KnownExecutionState = state) -> object:
            return create_execution_plan(
                definition, step_keys_to_execute=step_keys, known_state=state
            )

        build(["mapped[i0]"])
        begun = time.process_time()
        pickle.loads(pickle.dumps(state))  # noqa: S301 - our own bytes
        build(["mapped[i0]"])
        plan_s = time.process_time() - begun
        plan = create_execution_plan(
            definition,
            step_keys_to_execute=[f"mapped[{key}]" for key in keys] + ["collect"],
            known_state=state,
        )
        # Nothing is executed, so leaving the context early is reported as an interruption.
        with (
            suppress(DagsterExecutionInterruptedError),
            ActiveExecution(plan, retry_mode=RetryMode.DISABLED, max_concurrent=1) as active,
        ):
            active.get_steps_to_execute(limit=0)
            begun = time.process_time()
            for _ in range(5):
                active.get_steps_to_execute(limit=0)
            growth.append(PlanGrowth(size, plan_s, (time.process_time() - begun) / 5))
            active.mark_interrupted()
    return tuple(growth)


def storing(sizes_bytes: tuple[int, ...]) -> tuple[StorageSample, ...]:
    """Time Dagster's filesystem IO manager on values of these sizes."""
    samples = []
    with tempfile.TemporaryDirectory(prefix="dynadvise-store-") as directory:
        manager = FilesystemIOManager(base_dir=str(Path(directory)))
        inner = manager.create_io_manager(None)  # type: ignore[arg-type]
        for size in sizes_bytes:
            value = os.urandom(size)
            best_store, best_load = [], []
            for repeat in range(3):
                output = build_output_context(
                    name="result", step_key=f"s{size}_{repeat}", run_id="calibration"
                )
                begun = time.perf_counter()
                inner.handle_output(output, value)
                best_store.append(time.perf_counter() - begun)
                loaded = build_input_context(upstream_output=output)
                begun = time.perf_counter()
                inner.load_input(loaded)
                best_load.append(time.perf_counter() - begun)
            samples.append(StorageSample(size, sorted(best_store)[1], sorted(best_load)[1]))
    return tuple(samples)


def bookkeeping(
    sizes: tuple[tuple[int, ...], tuple[int, ...]],
) -> tuple[tuple[StorageSample, ...], tuple[PlanGrowth, ...]]:
    """Both in one process: storing values of the first sizes, planning runs of the second."""
    return storing(sizes[0]), plan_growth(sizes[1])


def measure_claim_s(instance_home: str) -> float:
    """Seconds to claim a free slot or to give it back: the mean of both's medians.

    Called in a fresh process, on a temporary instance of ours.
    """
    pool, run_id = "dynadvise", "calibration"
    claimed, freed = [], []
    with DagsterInstance.from_config(instance_home) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots(pool, 2)
        for number in range(CLAIMS):
            step = f"step_{number}"
            begun = time.perf_counter()
            storage.claim_concurrency_slot(pool, run_id, step)
            claimed.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            storage.free_concurrency_slot_for_step(run_id, step)
            freed.append(time.perf_counter() - begun)
        storage.delete_concurrency_limit(pool)
    return (median(claimed) + median(freed)) / 2
