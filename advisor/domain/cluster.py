"""Executors that hand each step to a pod, container or task, and the cluster behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.overhead import OverheadModel
from advisor.domain.quantities import Spread, count, seconds, spread

UNITS = {
    "k8s": "pod",
    "docker": "container",
    "celery": "task",
    "celery_k8s": "pod",
    "ecs": "task",
    "ray": "task",
    "delegating": "worker",
}
"""By executor, what it starts for each step; ``delegating`` is one of an unknown step handler."""

DELEGATING = frozenset(UNITS)
DESCRIBED = tuple(kind for kind in UNITS if kind != "delegating")
"""Those that a cluster can be described with."""

BY_WORKERS = frozenset({"celery", "celery_k8s"})
"""Executors with no ``max_concurrent``: the slots of their workers limit the steps in parallel."""

POLL_S = 1.0
"""Sleep between two turns of the parent's loop: ``DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS``
of Dagster's StepDelegatingExecutor, and ``TICK_SECONDS`` of dagster-celery."""

START_TIMES_S = (1.0, 5.0, 15.0, 60.0)
"""Start times of a pod to compare where none is known."""

LAUNCH_S = 0.1
"""Assumed for one call of the cluster's API, where nothing tells it."""


STEP_CONNECTIONS = 1
"""Most connections to the instance's database that a process of a run holds at a time. Dagster's
storages keep none open (SQLAlchemy's NullPool): one while the process reads or writes. Seen in
``pg_stat_activity`` of Postgres 15 for 3 and 8 pods of Dagster 1.13.27, and for the run's own
process."""
_ELSEWHERE = (
    "the times below are those of one machine, as if the steps ran in the run's own {place}; "
    "start of each {unit}, queue and quota are not modelled. "
    "Describe the cluster in [tool.dynadvise.clusters.NAME] and give --cluster NAME"
)
_MIB = 2**20
_ROUND_BYTES = 64 * _MIB
REQUEST_MARGIN, LIMIT_MARGIN = 1.2, 1.5
"""Memory request and limit over the measured peak of a step: a pod above its limit is killed."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a cluster has and what it charges for a step, as far as it is known.

    Attributes:
        name: In ``[tool.dynadvise.clusters]``; empty where it is not described.
        executor: One of `UNITS`.
        cpu: CPUs that all step pods may request; under docker and celery, the cores that the host
            has for all steps.
        memory_bytes: Memory that they may request.
        pods: Most of them.
        run_pod_cpu, run_pod_memory_bytes: Of the pod in which the run's own process is.
        step_cpu: CPU limit of a step's pod; None: as many as the run's pod has.
        step_memory_bytes: Most memory that a step's pod may have.
        start_s: From the launch of a step, room provided, until its Python starts: schedule,
            pull and start.
        launch_s: What the parent takes to launch one step, one after another.
        poll_s: The parent's sleep between two turns.
        run_start_s: From the launch of a run until its process begins.
        slots: Steps that the workers of the queue can run in parallel (Celery).
        db_connections: Most that its database allows.
        process_connections: Of these, what a step's or the run's own process holds at a time.
        runs_at_once: Runs in parallel that share the quota.
        host_cores: Cores of the one host that all steps share, where it is one (kind, minikube).
        sources: By attribute, where its figure is from, in words.
    """

    name: str
    executor: str
    cpu: float | None = None
    memory_bytes: int | None = None
    pods: int | None = None
    run_pod_cpu: float | None = None
    run_pod_memory_bytes: int | None = None
    step_cpu: float | None = None
    step_memory_bytes: int | None = None
    start_s: float | None = None
    launch_s: float | None = None
    poll_s: float = POLL_S
    run_start_s: float = 0.0
    slots: int | None = None
    db_connections: int | None = None
    process_connections: int = STEP_CONNECTIONS
    runs_at_once: int = 1
    host_cores: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What it starts for each step."""
        return UNITS[self.executor]

    @property
    def own_pods(self) -> bool:
        """Whether a run's own process has a pod or task, not a part of the steps' host."""
        return self.executor not in ("docker", "celery")

    @property
    def shared_cores(self) -> float | None:
        """Cores of one host that all steps share; None where each has its own."""
        return self.host_cores or (None if self.own_pods else self.cpu)

    def as_seen(self, overhead: OverheadModel) -> Cluster:
        """With the start time of past runs, where it is not described, and a step's connections.

        What starts on shared cores computes there, and is counted as such. A Celery worker has
        started before its tasks.
        """
        whole, past = overhead.whole_step, overhead.delegated.get(self.executor)
        connections, start_s, sources = self.process_connections, self.start_s, {**self.sources}
        if whole is not None and whole.connections:
            connections = whole.connections
            sources["process_connections"] = "measured with a step run here"
        if past is not None and start_s is None:
            start_s, basis = past.start_s.median, "with Python's"
            if self.shared_cores:
                start_s, basis = 0.0, "all of it computes on the cores that steps share"
            sources["start_s"] = f"{basis}, from {past.steps} steps of past runs"
        elif start_s is None and self.executor == "celery":
            start_s, sources["start_s"] = 0.0, "assumed: a free worker takes it from the broker"
        return replace(self, process_connections=connections, start_s=start_s, sources=sources)

    def share(self, runs: int) -> Cluster | None:
        """What each of ``runs`` in parallel has for its own process and its steps.

        None where the runs' own pods leave no quota for steps.
        """

        def part(total: float | None) -> float | None:
            return None if total is None else total / runs

        def whole(total: int | None) -> int | None:
            return None if total is None else max(1, total // runs)

        alone = replace(
            self,
            cpu=part(self.cpu),
            memory_bytes=whole(self.memory_bytes),
            pods=whole(self.pods),
            slots=whole(self.slots),
            db_connections=whole(self.db_connections),
            host_cores=part(self.host_cores),
            runs_at_once=1,
        )
        return None if any(left <= 0 for left in alone.for_steps if left is not None) else alone

    @property
    def held_by_runs(self) -> tuple[float, int, int]:
        """CPUs, memory and pods that the own pods of all runs in parallel hold."""
        runs = self.runs_at_once if self.own_pods else 0
        return runs * (self.run_pod_cpu or 0), runs * (self.run_pod_memory_bytes or 0), runs

    @property
    def for_steps(self) -> tuple[float | None, float | None, float | None]:
        """CPUs, memory and pods of a run's share beside its own pod; None: no limit known."""
        cpu, memory_bytes, pods = (
            None if total is None else (total - held) / self.runs_at_once
            for total, held in zip(
                (self.cpu, self.memory_bytes, self.pods), self.held_by_runs, strict=True
            )
        )
        return cpu, memory_bytes, pods

    def most_runs(self) -> int | None:
        """Runs whose own pods fit the quota in parallel; None: nothing known limits them."""
        limits = [self.pods]
        if self.own_pods and self.cpu and self.run_pod_cpu:
            limits.append(int(self.cpu / self.run_pod_cpu))
        if self.own_pods and self.memory_bytes and self.run_pod_memory_bytes:
            limits.append(self.memory_bytes // self.run_pod_memory_bytes)
        if self.db_connections:  # a run's own process, and a step's
            limits.append(self.db_connections // (2 * self.process_connections))
        return min((limit for limit in limits if limit is not None), default=None)

    def room(self, request_cpu: float, request_bytes: int) -> int | None:
        """Steps of a run that fit in parallel with these requests; None: nothing known limits them.

        Each of `runs_at_once` has its own process in the quota as well.
        """
        cpu, memory_bytes, pods = self.for_steps
        limits = [pods, None if self.slots is None else self.slots / self.runs_at_once]
        if cpu is not None and self.executor not in ("docker", "celery"):
            limits.append(cpu / max(request_cpu, 1e-3))
        if memory_bytes is not None and request_bytes:
            limits.append(memory_bytes / request_bytes)
        return min((max(1, int(limit)) for limit in limits if limit is not None), default=None)


def unmodelled(setting: ExecutorSetting | None) -> str:
    """What is not modelled of a job's executor, in one sentence; empty where all of it is."""
    if setting is None or setting.executor in ("in_process", "multiprocess", "async"):
        return ""
    executor = setting.executor
    named = f"This job runs on the {executor} executor ({setting.class_name}"
    if executor not in DELEGATING:
        return (
            f"{named}), of which there is no model: the times below are those of the in-process "
            "and multiprocess executors on one machine."
        )
    unit = UNITS[executor]
    limit = setting.max_concurrent
    many = f"max_concurrent {limit}" if limit else f"no max_concurrent: every {unit} in parallel"
    if executor in BY_WORKERS:
        many = "as many steps in parallel as its workers have slots"
    place = unit if unit in ("pod", "container") else "process"
    return f"{named}, {many}): {_ELSEWHERE.format(place=place, unit=unit)}."


@dataclass(frozen=True, slots=True)
class PodTimes:
    """What pods tell of their cluster.

    Attributes:
        pods: Those of steps.
        started: Those of them that had started: the times are theirs.
        pending_s: From a pod's creation until a node had room for it.
        start_s: From then until its container ran: pull and start.
        restarts: Of containers, in all.
        killed_for_memory: Containers above their memory limit (OOMKilled).
        run_start_s: Median from the creation of a run's own pod until its container ran; None:
            there is none among them.
        pull_s: Part of ``start_s`` of the first pod on a node, which pulls the image: what it took
            beyond pods that came once it ran. None: no node had both.
    """

    pods: int
    started: int
    pending_s: Spread
    start_s: Spread
    restarts: int
    killed_for_memory: int
    run_start_s: float | None = None
    pull_s: float | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it means, and the line to paste."""
        own = f', run-start = "{self.run_start_s:.1f}s"' if self.run_start_s is not None else ""
        pull = "pull and "
        pulled = ""
        if self.pull_s is not None:
            more = f"the first on a node {seconds(self.pull_s)} more: its image"
            pull, pulled = "", f" ({more if self.pull_s >= 1.0 else 'the nodes had the image'})"
        times = (
            f"{self.started} of {count(self.pods, 'pod')} of steps started: pending "
            f"{spread(self.pending_s)}, then {pull}start {spread(self.start_s)}{pulled}. For "
            f'[tool.dynadvise.clusters.NAME]: start = "{self.start_s.median:.1f}s"{own}.'
        )
        restarts = count(self.restarts, "restart")
        if self.killed_for_memory:
            killed = count(self.killed_for_memory, "container")
            killed += f" killed above the memory limit (OOMKilled), {restarts}: raise the limit, "
            return times, f"{killed}or take fewer threads in a step."
        return (times, f"{restarts} of containers.") if self.restarts else (times,)


@dataclass(frozen=True, slots=True)
class StepSizing:
    """What a step asks of its pod, container or task.

    Attributes:
        cpu: CPUs in its mean use from boot to end.
        cluster: Where it is described.
    """

    cpu: float
    peak_bytes: int
    cluster: Cluster | None = None

    @property
    def request_bytes(self) -> int:
        """Memory to request."""
        return _rounded_up(self.peak_bytes * REQUEST_MARGIN)

    @property
    def limit_bytes(self) -> int:
        """Memory above which it may be killed."""
        return _rounded_up(self.peak_bytes * LIMIT_MARGIN)


def _rounded_up(size_bytes: float) -> int:
    return -int(-size_bytes // _ROUND_BYTES) * _ROUND_BYTES


def mebibytes(size_bytes: int) -> int:
    """In whole MiB, as the settings of clusters take it."""
    return size_bytes // _MIB
