"""The timeline of executors that hand each step to a pod, container or task: a simulation.

The parent is the loop of Dagster's ``StepDelegatingExecutor`` (k8s, docker, ECS, Ray): each turn it
reads the events that came, launches steps one after another while fewer than ``max_concurrent``
run, and sleeps. That of ``dagster_celery`` submits all steps that are ready to the queue, and its
workers are the room. A step that is launched waits for room, starts, boots, loads, works and
stores; its room is free at once, its slot when the parent sees the end.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from advisor.model.processor_sharing import FOREVER_S, ProcessorSharing
from advisor.model.run_plan import RunPlan, Timeline
from advisor.model.step_queue import STEP, StepQueue
from advisor.model.timeline import Phase

AMPLE = 1e6
"""Cores of a cluster, where steps do not share those of one host."""

LEAST_POLL_S = 0.01
"""Of a parent that is said not to sleep at all: its turn takes some time too."""


@dataclass(frozen=True, slots=True)
class StepPrice:
    """What a step costs beside its work, in seconds.

    Attributes:
        launch_s: The parent's, one step after another.
        start_s: From the launch, room provided, to the start of Python.
        boot_cpu_s: CPU of Python, Dagster, the user's code and the plan, until the op starts.
        load_s, store_s: CPU of loading and storing tiny values.
        fan_out_output_s, collect_input_s: CPU of each further output and input.
        exit_s: From the last event until the room is free.
        poll_s: The parent's sleep between two turns.
        begin_s: From the run's start to the first launch.
        cpu_limit: CPUs that a step may use; None: no limit.
    """

    launch_s: float
    start_s: float
    boot_cpu_s: float
    load_s: float
    store_s: float
    fan_out_output_s: float
    collect_input_s: float
    exit_s: float
    poll_s: float
    begin_s: float
    cpu_limit: float | None = None

    def computing_s(self, cpu_s: float, threads: float = 1.0) -> float:
        """Wall seconds of computing under the limit, nothing else on the core."""
        limit = threads if self.cpu_limit is None else min(threads, self.cpu_limit)
        return cpu_s / limit

    @property
    def step_s(self) -> float:
        """One step beside its work, alone, to the poll at which its end is seen."""
        own_s = self.computing_s(self.boot_cpu_s + self.load_s + self.store_s)
        return self.launch_s + self.start_s + own_s + self.poll_s / 2


class DelegatingRun:
    """One simulated run.

    Args:
        max_concurrent: Steps that the parent keeps launched in parallel; None: all that are ready.
        room: Steps for which there is room in parallel; None: no limit.
        cores: Cores of one host that all steps share; None: each step has its own.
    """

    def __init__(
        self,
        price: StepPrice,
        plan: RunPlan,
        *,
        max_concurrent: int | None,
        room: int | None,
        cores: float | None = None,
    ) -> None:
        self.price, self.queue = price, StepQueue(plan)
        self.items = len(plan.mapped)
        self.max_concurrent = max_concurrent or AMPLE
        self.room = room or AMPLE
        self.shares_cores = cores is not None
        self.sharing = ProcessorSharing(cores or AMPLE)
        self.running = self.in_room = 0
        self.pending: deque[STEP] = deque()
        self.ended: list[STEP] = []
        self.phase_s: dict[Phase, float] = {"work": 0.0, "launch": 0.0, "serialize": 0.0}
        self.pod_s = 0.0

    def run(self) -> Timeline:
        """Simulate the whole run."""
        self._pass(self.price.begin_s)
        while not self.is_complete:
            ended, self.ended = self.ended, []
            for step in ended:
                self.queue.succeeded(step, self.sharing.now_s)
                self.running -= 1
            self._launch_all()
            self._sleep()
        slots = max(1, min(self.max_concurrent, self.room, self.items))
        return Timeline(
            makespan_s=self.sharing.now_s,
            core_seconds=self.sharing.cpu_used_s,
            work_s=self.phase_s["work"] / slots,
            launch_s=self.phase_s["launch"] / slots,
            serialize_s=self.phase_s["serialize"] / slots,
            first_result_s=self.queue.first_result_s,
            pod_s=self.pod_s,
            pool_wait_s=self.queue.pools.empty_s,
        )

    @property
    def is_complete(self) -> bool:
        """Whether the parent has read the end of all steps; pods may still be leaving."""
        return not self.running and self.queue.is_empty

    # -- the parent -------------------------------------------------------------------------
    def _pass(self, seconds: float) -> None:
        """Let time go by; all that goes on meanwhile happens."""
        until_s = self.sharing.now_s + seconds
        while self.sharing.happen(until_s):
            pass

    def _sleep(self) -> None:
        """Until the next turn; turns before which nothing can have changed are left out."""
        poll_s, now_s = max(self.price.poll_s, LEAST_POLL_S), self.sharing.now_s
        next_s = min(self.sharing.next_event_s(), self.queue.pools.next_due_s())
        turns = 1
        if not (self.ended or self.is_complete) and next_s < FOREVER_S:
            turns = max(1, math.ceil((next_s - now_s) / poll_s))
        self._pass(turns * poll_s)

    def _launch_all(self) -> None:
        while self.running < self.max_concurrent and (step := self._next_step()) is not None:
            self.running += 1
            self._pass(self.price.launch_s)
            self.pending.append(step)
            self._admit()

    def _next_step(self) -> STEP | None:
        now_s = self.sharing.now_s
        return self.queue.take(
            lambda: now_s, lambda pool, step: self.queue.pools.claim(pool, step, now_s)
        )

    # -- steps ------------------------------------------------------------------------------
    def _admit(self) -> None:
        """Give room to the steps that wait for it, first come first served."""
        while self.pending and self.in_room < self.room:
            self.in_room += 1
            self._begin(self.pending.popleft())

    def _begin(self, step: STEP) -> None:
        """Start, boot, load, work, store, exit: each stretch begins where the last one ended."""
        price, work, begun_s = self.price, self.queue.work_of(step), self.sharing.now_s
        moving = 1.0 - work.io_wait_share
        load_s = (
            price.load_s + work.load_s * moving + price.collect_input_s * max(0, work.inputs - 1)
        )
        store_s = (
            price.store_s
            + work.store_s * moving
            + price.fan_out_output_s * max(0, work.outputs - 1)
        )
        stretches: list[tuple[Phase, float, float, float]] = [
            ("launch", price.start_s + work.resources_wait_s, 0.0, 1.0),
            ("launch", 0.0, price.boot_cpu_s + work.resources_s, 1.0),
            ("serialize", work.load_s * work.io_wait_share, load_s, 1.0),
            ("work", work.first_wait_s, work.first_s, 1.0),
            ("work", 0.0, work.cpu_s, work.threads),
            ("work", work.wait_s, 0.0, 1.0),
            ("serialize", work.store_s * work.io_wait_share, store_s, 1.0),
        ]

        def following(place: int) -> None:
            if place == len(stretches):
                self.ended.append(step)
                self.sharing.wait(price.exit_s, lambda: self._leave(begun_s))
                return
            phase, wait_s, cpu_s, threads = stretches[place]
            entered_s = self.sharing.now_s

            def done() -> None:
                self.phase_s[phase] += self.sharing.now_s - entered_s
                following(place + 1)

            self._stretch(wait_s, cpu_s, threads, done)

        following(0)

    def _stretch(
        self, wait_s: float, cpu_s: float, threads: float, done: Callable[[], None]
    ) -> None:
        if wait_s > 0:
            self.sharing.wait(wait_s, lambda: self._stretch(0.0, cpu_s, threads, done))
        elif cpu_s <= 0:
            done()
        elif self.shares_cores:
            limit = self.price.cpu_limit
            self.sharing.compute(cpu_s, threads if limit is None else min(threads, limit), done)
        else:
            self.sharing.cpu_used_s += cpu_s
            self.sharing.wait(self.price.computing_s(cpu_s, threads), done)

    def _leave(self, begun_s: float) -> None:
        self.pod_s += self.sharing.now_s - begun_s
        self.in_room -= 1
        self._admit()
