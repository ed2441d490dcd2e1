"""Executors that hand each step to a pod, container or task of a described cluster."""

import math
from dataclasses import replace

from advisor.domain.advice import Breakdown
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import (
    BY_WORKERS,
    DELEGATING,
    LAUNCH_S,
    REQUEST_MARGIN,
    Cluster,
    StepSizing,
)
from advisor.domain.no_prediction import NoModelError, Unpredictable
from advisor.domain.overhead import DelegatedOverhead, MultiprocessOverhead
from advisor.model.batches import least_work_s
from advisor.model.delegating import DelegatingRun, StepPrice
from advisor.model.estimate import Estimate, ExecutorModel
from advisor.model.estimators.multiprocess import run_plan, scheduled_draws
from advisor.model.memory import peak_memory_bytes, step_peak_bytes
from advisor.model.run_plan import Timeline
from advisor.model.scheduling import simulated_sizes
from advisor.model.setting import Setting, stages_of, steps_at_once
from advisor.model.simulations import Simulations

REQUEST_STEP, LEAST_REQUEST = 0.25, 0.25
"""CPU requests are advised in quarters of a CPU."""

CLI_S = 0.4
"""CPU of `dagster api execute_step` beyond a spawned process: its command line and the serialized
plan. 0.3 to 0.5 s on one 2-core machine, Dagster 1.13."""


def cluster_of(candidate: Candidate, setting: Setting) -> Cluster:
    """The cluster that a candidate's steps run on, with a known start time.

    Raises:
        NoModelError: None is described for its executor, or its start time is not known.
    """
    cluster = setting.cluster
    executor = candidate.executor
    if cluster is None or cluster.executor != executor:
        raise NoModelError(candidate, Unpredictable.CLUSTER, executor)
    if cluster.start_s is None:
        raise NoModelError(candidate, Unpredictable.START_TIME, cluster.unit, cluster.name)
    return cluster


def step_price(candidate: Candidate, setting: Setting) -> StepPrice:
    """What a step costs there: as past runs tell, else as this host computes.

    Raises:
        NoModelError: As `cluster_of`, or this host's spawn is not calibrated.
    """
    cluster = cluster_of(candidate, setting)
    past = setting.overhead.delegated.get(candidate.executor)
    if past is not None:
        return _seen_price(past, cluster)
    host = _calibrated(candidate, setting)
    in_worker = candidate.executor == "celery"  # forked from one that has imported everything
    plans_s = host.plan_item_s * candidate.steps(setting.items.count)
    whole = setting.overhead.whole_step
    if in_worker:
        boot_s = host.prepare_s
    elif whole is not None:
        boot_s = max(0.0, whole.cpu_s - host.finish_s - host.exit_s)
    else:
        boot_s = host.boot_s + host.prepare_s + CLI_S
    return StepPrice(
        launch_s=LAUNCH_S if cluster.launch_s is None else cluster.launch_s,
        start_s=cluster.start_s or 0.0,
        boot_cpu_s=boot_s + plans_s,
        load_s=host.load_s,
        store_s=host.finish_s,
        fan_out_output_s=host.fan_out_output_s,
        collect_input_s=host.collect_input_s,
        exit_s=0.0 if in_worker else host.exit_s,
        poll_s=cluster.poll_s,
        begin_s=host.start_s,
        cpu_limit=cluster.step_cpu,
    )


def _seen_price(past: DelegatedOverhead, cluster: Cluster) -> StepPrice:
    """As past runs tell; a described start time is a part of what they took to start."""
    start_s = cluster.start_s or 0.0
    # Seen are seconds under the limit, asked for are CPU seconds.
    cpu = min(1.0, cluster.step_cpu or 1.0)
    launches = (cluster.launch_s, past.launch_s, LAUNCH_S)
    return StepPrice(
        launch_s=next(each for each in launches if each is not None),
        start_s=start_s,
        boot_cpu_s=cpu * (max(0.0, past.start_s.median - start_s) + past.prepare_s.median),
        load_s=cpu * past.load_s.median,
        store_s=cpu * past.store_s.median,
        fan_out_output_s=cpu * past.fan_out_output_s,
        collect_input_s=cpu * past.collect_input_s,
        exit_s=0.0,  # a log does not tell it
        poll_s=cluster.poll_s,
        begin_s=past.begin_s,
        cpu_limit=cluster.step_cpu,
    )


def _calibrated(candidate: Candidate, setting: Setting) -> MultiprocessOverhead:
    methods = setting.overhead.multiprocess
    warm = methods.get("warm_forkserver") if candidate.executor == "celery" else None
    host = warm or methods.get("spawn")
    if host is None:
        raise NoModelError(candidate, Unpredictable.BOOT)
    return host


def request_cpu(candidate: Candidate, setting: Setting) -> float:
    """CPUs to request for a step: its mean use from boot to end, in quarters."""
    price, items = step_price(candidate, setting), setting.items
    batch = candidate.batch_size / max(1, candidate.workers_in_op)
    cpu_s = price.boot_cpu_s + candidate.batch_size * float(items.cpu_s.mean())
    wall_s = price.computing_s(price.boot_cpu_s) + batch * float(items.wall_s.mean())
    use = cpu_s / max(wall_s, 1e-6)
    quarters = math.ceil(use / REQUEST_STEP - 0.1)  # a tenth of a step is no reason for more
    request = max(LEAST_REQUEST, quarters * REQUEST_STEP)
    return request if price.cpu_limit is None else min(request, price.cpu_limit)


def room_of(candidate: Candidate, setting: Setting) -> int | None:
    """Steps of the candidate for which the cluster has room in parallel; None: no limit known."""
    request_bytes = int(REQUEST_MARGIN * step_peak_bytes(candidate, setting))
    return cluster_of(candidate, setting).room(request_cpu(candidate, setting), request_bytes)


def _simulated(candidate: Candidate, simulations: Simulations, steps: int) -> Timeline:
    setting = simulations.setting
    cluster = cluster_of(candidate, setting)
    by_workers = candidate.executor in BY_WORKERS
    run = DelegatingRun(
        step_price(candidate, setting),
        run_plan(candidate, simulations, steps),
        max_concurrent=None if by_workers else candidate.max_concurrent,
        room=candidate.max_concurrent if by_workers else room_of(candidate, setting),
        cores=cluster.shared_cores,
    )
    return run.run()


def _in_parallel(candidate: Candidate, setting: Setting) -> int:
    room = None if candidate.executor in BY_WORKERS else room_of(candidate, setting)
    slots = steps_at_once(candidate, setting)
    return slots if room is None else min(slots, room)


def estimate(candidate: Candidate, simulations: Simulations) -> Estimate:
    """A candidate's estimate; its cost is what its pods request, for as long as they are held.

    Raises:
        NoModelError: As `step_price`.
    """
    setting = simulations.setting
    slots = _in_parallel(candidate, setting)
    sizes = simulated_sizes(candidate.steps(setting.items.count), slots)
    timeline = Timeline.weighted(
        [(_simulated(candidate, simulations, size), weight) for size, weight in sizes]
    )
    step_s = step_price(candidate, setting).step_s * stages_of(candidate, setting)
    makespan_s = timeline.makespan_s
    parts_s = (timeline.work_s, timeline.launch_s, timeline.serialize_s)
    scale = min(1.0, makespan_s / max(sum(parts_s), 1e-9))
    work_s, launch_s, serialize_s = (part_s * scale for part_s in parts_s)
    idle_s = max(0.0, makespan_s - work_s - launch_s - serialize_s)
    run_pod_s = makespan_s * min(1.0, setting.machine.cores)
    return Estimate(
        candidate,
        makespan_s,
        scheduled_draws(candidate, simulations, timeline, sizes, slots=slots, step_s=step_s),
        Breakdown(work_s, launch_s, serialize_s, idle_s, 0.0),
        timeline.pod_s * request_cpu(candidate, setting) + run_pod_s,
        peak_memory_bytes(candidate, setting),
    )


def _least_s(candidate: Candidate, setting: Setting) -> float:
    price = step_price(candidate, setting)
    steps = candidate.steps(setting.items.count)
    slots = min(_in_parallel(candidate, setting), steps)
    plain = 1 + setting.before_steps + setting.after_steps
    alone_s = price.start_s + price.computing_s(price.boot_cpu_s)
    return plain * alone_s + (steps * alone_s + least_work_s(candidate, setting)) / slots


MODEL = ExecutorModel(
    estimate, _least_s, lambda candidate, setting: step_price(candidate, setting).step_s
)


def step_sizing(candidate: Candidate, setting: Setting) -> StepSizing:
    """From the measurements; a start time, which need not be known, changes neither."""
    described = setting.cluster
    executor = candidate.executor if candidate.executor in DELEGATING else "k8s"
    cluster = described or Cluster("", executor)
    there = replace(setting, cluster=replace(cluster, executor=executor, start_s=0.0))
    return StepSizing(
        cpu=request_cpu(replace(candidate, executor=executor), there),
        peak_bytes=step_peak_bytes(candidate, setting),
        cluster=described,
    )
