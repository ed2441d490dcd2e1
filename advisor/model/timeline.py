"""The timeline of Dagster's multiprocess executor: an event-driven simulation.

What is simulated is the loop of ``dagster._core.executor.multiprocess`` and
``child_process_executor``: one serial parent that fills free slots, takes at most one event a
turn from each active step, waits up to 20 ms on each quiet one, and blocks in ``process.join()``
until a finished step's process has exited; and children that boot, prepare, load, work, store and
exit, sharing the cores. Processor sharing is exact: with ``R`` runnable threads on ``C`` cores
each runs at ``min(1, C / R)``, tracked by one virtual clock, so an event costs O(log R).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush

from advisor.domain.host import MultiprocessOverhead
from advisor.model.pools import PoolSlots

TICK_S = 0.020
"""``TICK`` of ``dagster/_core/executor/child_process_executor.py``: the poll of a quiet step."""

SMALLEST_S = 0.002
"""Shorter stretches of the parent's CPU are put together."""

CAPTURED = 3
"""The piece from which on a step's log-capture helpers run beside it."""

BEFORE, AFTER = -1, -2
"""Item numbers of the steps before and after the mapped ones."""


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """Switches of the simulator's mechanisms, for the ablation; all on in use."""

    cpu_sharing: bool = True
    blocking_join: bool = True
    polling: bool = True
    server_start: bool = True
    growth: bool = True
    background: bool = True
    contention: bool = True
    pools: bool = True
    turns: bool = True


ALL_MECHANISMS = Mechanisms()


@dataclass(frozen=True, slots=True)
class StepWork:
    """What one step does besides Dagster's own overhead (seconds alone on the machine).

    Attributes:
        cpu_s: CPU seconds of its work, in all threads.
        wait_s: Seconds it waits (sleep, network, disk).
        threads: Cores it uses at once while it computes (BLAS); 1 for plain Python.
        load_s, store_s: Moving its payload through the IO manager, beyond the fixed part.
        resources_s, resources_wait_s: Starting the op's resources: computing, and then waiting.
        outputs: Number of outputs it stores one by one (a fan-out op), 0 for one output.
        inputs: Number of inputs that it loads one by one (a collecting op), 0 for one input.
    """

    cpu_s: float
    wait_s: float = 0.0
    threads: float = 1.0
    load_s: float = 0.0
    store_s: float = 0.0
    resources_s: float = 0.0
    resources_wait_s: float = 0.0
    outputs: int = 0
    inputs: int = 0


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The steps of a run: what comes before, the mapped chains, what collects.

    ``mapped[i][k]`` is stage ``k`` of item (or batch) ``i``. ``total_items`` is the size of the
    real run where only its first items are simulated: bookkeeping grows with it. ``stage_pools``
    names the pool of each stage (none where it is shorter), ``pool_limits`` the pools' slots.
    """

    before: tuple[StepWork, ...]
    mapped: Sequence[Sequence[StepWork]]
    after: tuple[StepWork, ...]
    depth_first: bool = False
    total_items: int | None = None
    stage_pools: tuple[str | None, ...] = ()
    pool_limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the simulation found (seconds).

    Attributes:
        makespan_s: From the call of ``execute_job`` to its return.
        child_cpu_s: CPU of all step processes.
        parent_cpu_s: CPU of the executor's loop.
        work_s, launch_s, serialize_s: Slot-seconds in each state, over all steps.
        first_result_s: When the first mapped chain was complete.
        steps: How many steps ran.
        pool_wait_s: Seconds in which a pool's slot stood empty though a step waited for it.
    """

    makespan_s: float
    child_cpu_s: float
    parent_cpu_s: float
    work_s: float
    launch_s: float
    serialize_s: float
    first_result_s: float
    steps: int
    pool_wait_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Child:
    """One step's process: the pieces still to come, and its queue to the parent."""

    item: int
    stage: int
    pieces: list[tuple[float, float, float, int, str]]
    next_piece: int = 0
    state: int = 0
    queued: int = 0
    final_put: bool = False
    success_put: bool = False
    exited: bool = False
    entered_s: float = 0.0


class _World:
    """Processes that compute or wait: processor sharing on ``cores``."""

    __slots__ = (
        "active_threads", "cores", "cpu", "cpu_used_s", "now", "rate", "sequence", "virtual",
        "waiting",
    )  # fmt: skip

    def __init__(self, cores: float, *, sharing: bool) -> None:
        self.now = 0.0
        self.virtual = 0.0
        self.cores = cores if sharing else float("inf")
        self.rate = 1.0
        """Share of a core that each runnable thread gets."""
        self.active_threads = 0.0
        self.cpu: list[tuple[float, int, float, Callable[[], None]]] = []
        self.waiting: list[tuple[float, int, Callable[[], None]]] = []
        self.sequence = 0
        self.cpu_used_s = 0.0

    def compute(self, cpu_s: float, threads: float, then: Callable[[], None]) -> None:
        """Use ``cpu_s`` CPU seconds on ``threads`` threads, then call ``then``."""
        self.sequence += 1
        self.cpu_used_s += cpu_s
        self._runnable(threads)
        heappush(self.cpu, (self.virtual + cpu_s / threads, self.sequence, threads, then))

    def sleep(self, wait_s: float, then: Callable[[], None]) -> None:
        """Wait ``wait_s`` seconds, then call ``then``."""
        self.sequence += 1
        heappush(self.waiting, (self.now + wait_s, self.sequence, then))

    def _runnable(self, more_threads: float) -> None:
        """So many more threads want a core from now on."""
        self.active_threads += more_threads
        crowded = self.active_threads > self.cores
        self.rate = self.cores / self.active_threads if crowded else 1.0

    def next_event_s(self) -> float:
        """When something happens next; infinity if nothing will."""
        at = self.waiting[0][0] if self.waiting else float("inf")
        if self.cpu:
            at = min(at, self.now + (self.cpu[0][0] - self.virtual) / self.rate)
        return at

    def advance_to(self, until_s: float) -> None:
        """Move the clock to ``until_s``; no event lies before it."""
        self.virtual += (until_s - self.now) * self.rate
        self.now = until_s

    def happen(self, limit_s: float = float("inf")) -> bool:
        """Let the next event happen; where none lies before ``limit_s``, move the clock there."""
        at = self.waiting[0][0] if self.waiting else float("inf")
        if self.cpu:
            finish_s = self.now + (self.cpu[0][0] - self.virtual) / self.rate
            if finish_s < at:
                if finish_s > limit_s:
                    self.advance_to(limit_s)
                    return False
                self.now = finish_s
                self.virtual, _, threads, then = heappop(self.cpu)
                self._runnable(-threads)
                then()
                return True
        if at > limit_s:
            self.advance_to(limit_s)
            return False
        self.advance_to(at)
        heappop(self.waiting)[2]()
        return True


class _Run:
    """One simulated run of the multiprocess executor."""

    def __init__(
        self,
        overhead: MultiprocessOverhead,
        plan: RunPlan,
        *,
        cores: float,
        max_concurrent: int,
        mechanisms: Mechanisms,
        stretch: Callable[[int], float],
    ) -> None:
        self.o = overhead
        self.plan = plan
        self.m = max_concurrent
        self.on = mechanisms
        self.stretch = stretch
        self.factors: dict[int, float] = {}
        self.known_pieces: dict[int, list[tuple[float, float, float, int, str]]] = {}
        self.world = _World(cores, sharing=mechanisms.cpu_sharing)
        self.items = len(plan.mapped)
        self.total_items = plan.total_items or self.items
        self.stages = len(plan.mapped[0]) if self.items else 0
        self.runnable: deque[tuple[int, int]] = deque()
        self.mapped_left = self.items * self.stages
        self.serial_next = 0
        self.after_next = 0
        self.parent_cpu_s = 0.0
        self.debt_s = 0.0
        self.working = 0
        self.first_result_s = 0.0
        self.server_started = overhead.server_start_s <= 0 or not mechanisms.server_start
        self.totals = {"work": 0.0, "launch": 0.0, "serialize": 0.0}
        self.steps = 0
        self.pools = PoolSlots(plan.pool_limits if mechanisms.pools else {})

    # -- children ---------------------------------------------------------------------------
    def _work_of(self, item: int, stage: int) -> StepWork:
        if item >= 0:
            return self.plan.mapped[item][stage]
        return self.plan.before[stage] if item == BEFORE else self.plan.after[stage]

    def _pieces(self, work: StepWork) -> list[tuple[float, float, float, int, str]]:
        """The step's pieces: (CPU s, waiting s, threads, puts on the queue, state)."""
        o = self.o
        growth = 1 if self.on.growth else 0
        prepare = o.prepare_s + o.plan_item_s * self.total_items * growth
        load = o.load_s + work.load_s + o.collect_input_s * max(0, work.inputs - 1) * growth
        pieces = [
            (o.boot_s, 0.0, 1.0, 1, "launch"),
            (prepare * 0.6 + work.resources_s, work.resources_wait_s, 1.0, 2, "launch"),
            (prepare * 0.4, 0.0, 1.0, 2, "launch"),
            (load, 0.0, 1.0, max(1, 2 * work.inputs), "serialize"),
            (work.cpu_s, work.wait_s, work.threads, 0, "work"),
        ]
        store = o.finish_s + work.store_s
        if work.outputs > 1:
            each = o.fan_out_output_s * growth
            pieces += [(each, 0.0, 1.0, 2, "serialize")] * (work.outputs - 1)
        pieces.append((store, 0.0, 1.0, 4, "serialize"))
        pieces.append((o.exit_s, 0.0, 1.0, 0, "launch"))
        return pieces

    def _stretched(self, working: int) -> float:
        if working not in self.factors:
            self.factors[working] = self.stretch(working)
        return self.factors[working]

    def _launch(self, child: _Child) -> None:
        work = self._work_of(child.item, child.stage)
        known = self.known_pieces.get(id(work))
        child.pieces = known or self.known_pieces.setdefault(id(work), self._pieces(work))
        child.entered_s = self.world.now
        self._next_piece(child)

    def _next_piece(self, child: _Child) -> None:
        """Begin the child's next piece; pieces that take no time are passed at once."""
        world = self.world
        while child.next_piece < len(child.pieces):
            cpu_s, wait_s, threads, _, state = child.pieces[child.next_piece]
            if state == "work":
                self.working += 1
                if self.on.contention:
                    factor = self._stretched(self.working)
                    cpu_s, wait_s = cpu_s * factor, wait_s * factor
            if child.next_piece == CAPTURED and self.on.background:
                world.compute(self.o.background_cpu_s, 1.0, _nothing)
            child.entered_s = world.now
            if cpu_s > 0:
                world.compute(cpu_s, threads, partial(self._computed, child, wait_s))
                return
            if wait_s > 0:
                world.sleep(wait_s, partial(self._piece_done, child))
                return
            self._finish_piece(child)
        child.exited = True

    def _computed(self, child: _Child, wait_s: float) -> None:
        if wait_s > 0:
            self.world.sleep(wait_s, partial(self._piece_done, child))
        else:
            self._piece_done(child)

    def _piece_done(self, child: _Child) -> None:
        self._finish_piece(child)
        self._next_piece(child)

    def _finish_piece(self, child: _Child) -> None:
        _, _, _, puts, state = child.pieces[child.next_piece]
        self.totals[state] += self.world.now - child.entered_s
        if state == "work":
            self.working -= 1
        child.queued += puts
        child.next_piece += 1
        if child.next_piece == len(child.pieces) - 1:
            child.final_put = True

    # -- the parent -------------------------------------------------------------------------
    def _spend(self, cpu_s: float) -> None:
        """The parent computes; the world goes on meanwhile.

        What is shorter than ``SMALLEST_S`` is saved up: a simulation then has a fifth of the
        events, and moves by less than that.
        """
        self.debt_s += cpu_s
        if self.debt_s < SMALLEST_S:
            return
        cpu_s, self.debt_s = self.debt_s, 0.0
        self.parent_cpu_s += cpu_s
        done: list[bool] = []
        self.world.compute(cpu_s, 1.0, lambda: done.append(True))
        while not done:
            self.world.happen()

    def _until(self, condition: Callable[[], bool], limit_s: float) -> None:
        """Let events happen until ``condition`` or the clock reaches ``limit_s``."""
        while not condition():
            if not self.world.happen(limit_s):
                return

    def _pool_of(self, item: int, stage: int) -> str | None:
        """The limited pool whose slot a step needs; None where it needs none."""
        if item < 0 or stage >= len(self.plan.stage_pools):
            return None
        pool = self.plan.stage_pools[stage]
        return pool if pool in self.pools.limits else None

    def _has_slot(self, pool: str | None, step: tuple[int, int]) -> bool:
        """Claim a slot of the step's pool; a step that is blocked is logged, and asks again."""
        if pool is None:
            return True
        self._spend(self.o.claim_s)
        granted = self.pools.claim(pool, step, self.world.now)
        if not granted:
            self._spend(self.o.starting_s)
        return granted

    def _next_step(self) -> tuple[int, int] | None:
        """The next step that may be launched; None where all that are left must wait."""
        while (again := self.pools.due(self.world.now)) is not None:
            if self._has_slot(*again):
                return again[1]
        while self.runnable:
            step = self.runnable.popleft()
            if self._has_slot(self._pool_of(*step), step):
                return step
        return None

    def _fill(self, active: list[_Child]) -> None:
        """Launch steps into the free slots."""
        while len(active) < self.m:
            step = self._next_step()
            if step is None:
                if not active and self.pools.waiting:
                    self._until(lambda: False, self.pools.next_due_s())
                    continue
                return
            active.append(_Child(*step, []))
            self.steps += 1

    def _step_succeeded(self, child: _Child) -> None:
        """The parent has handled STEP_SUCCESS: what depends on it becomes runnable."""
        pool = self._pool_of(child.item, child.stage)
        if pool is not None:
            self._spend(self.o.claim_s)
            self.pools.free(pool, (child.item, child.stage), self.world.now)
        if child.item == BEFORE:
            self._after_serial(child.stage + 1)
        elif child.item == AFTER:
            self._make_runnable(AFTER, child.stage + 1, len(self.plan.after))
        else:
            self._mapped_succeeded(child)

    def _make_runnable(self, item: int, stage: int, stages: int) -> bool:
        if stage < stages:
            self.runnable.append((item, stage))
        return stage < stages

    def _after_serial(self, stage: int) -> None:
        """The next step before the mapped ones, or all mapped ones, or what comes after none."""
        if self._make_runnable(BEFORE, stage, len(self.plan.before)):
            return
        if self.items:
            self.runnable.extend((i, 0) for i in range(self.items))
        else:
            self._make_runnable(AFTER, 0, len(self.plan.after))

    def _mapped_succeeded(self, child: _Child) -> None:
        self.mapped_left -= 1
        following = (child.item, child.stage + 1)
        if child.stage + 1 < self.stages:
            if self.plan.depth_first:
                self.runnable.appendleft(following)
            else:
                self.runnable.append(following)
        elif not self.first_result_s:
            self.first_result_s = self.world.now
        if self.mapped_left == 0:
            self._make_runnable(AFTER, 0, len(self.plan.after))

    def _start(self, child: _Child) -> None:
        """The parent starts a step's process, and before the first one the forkserver."""
        self._spend(self.o.launch_s)
        if not self.server_started:
            self.server_started = True
            self._spend(self.o.server_start_s)
            self.parent_cpu_s -= self.o.server_start_s
        self._launch(child)

    def _visit(self, child: _Child) -> bool:
        """One ``next()`` on a step's iterator; True when the step is finished."""
        o = self.o
        if child.state == 0:
            child.state = 1
            self._spend(o.starting_s)
            return False
        if child.state == 1:
            child.state = 2
            self._start(child)
        if not child.queued:
            if not self.on.polling:
                return False
            limit_s = self.world.now + TICK_S
            while not child.queued:
                if not self.world.happen(limit_s):
                    return False
        child.queued -= 1
        self._spend(o.event_s)
        if child.final_put and child.queued == 1 and not child.success_put:
            child.success_put = True
            self._step_succeeded(child)
        if child.final_put and child.queued == 0:
            if self.on.blocking_join:
                self._until(lambda: child.exited, float("inf"))
            return True
        return False

    def _skip_ahead(self, active: list[_Child]) -> None:
        """While every started step is quiet, whole rounds of polls change nothing: skip them."""
        if any(child.queued or child.state < 2 for child in active):
            return
        world = self.world
        round_s = TICK_S * len(active) if self.on.polling else 0.0
        ahead = world.next_event_s() - world.now
        if len(active) < self.m:
            ahead = min(ahead, self.pools.next_due_s() - world.now)
        if ahead == float("inf"):
            return
        if not self.on.polling and world.now + ahead < world.next_event_s():
            world.advance_to(world.now + max(0.0, ahead))
        elif not self.on.polling:
            world.happen()
        elif ahead > round_s:
            world.advance_to(world.now + int(ahead / round_s) * round_s)

    def run(self) -> Timeline:
        o = self.o
        self._spend(o.start_s)
        self._after_serial(0)
        active: list[_Child] = []
        while active or self.runnable or self.pools.waiting:
            self._fill(active)
            self._skip_ahead(active)
            if self.on.growth and self.runnable:
                waiting = len(self.runnable) + (self.total_items - self.items) / 2
                self._spend(o.turn_item_s * waiting)
            finished = [child for child in active if self._visit(child)]
            if finished:
                active = [child for child in active if child not in finished]
        self._spend(o.end_s)
        slots = max(1, min(self.m, max(1, self.items)))
        return Timeline(
            makespan_s=self.world.now,
            child_cpu_s=self.world.cpu_used_s - self.parent_cpu_s,
            parent_cpu_s=self.parent_cpu_s,
            work_s=self.totals["work"] / slots,
            launch_s=self.totals["launch"] / slots,
            serialize_s=self.totals["serialize"] / slots,
            first_result_s=self.first_result_s,
            steps=self.steps,
            pool_wait_s=self.pools.empty_s,
        )


def _nothing() -> None:
    """What follows a helper process: nothing."""


def no_contention(_working: int) -> float:
    """Items that do not disturb each other."""
    return 1.0


def simulate(
    overhead: MultiprocessOverhead,
    plan: RunPlan,
    *,
    cores: float,
    max_concurrent: int,
    mechanisms: Mechanisms = ALL_MECHANISMS,
    stretch: Callable[[int], float] = no_contention,
) -> Timeline:
    """Simulate one multiprocess run.

    Args:
        overhead: The host's price of a step under one start method.
        plan: The steps.
        cores: Effective cores (may be fractional under a cgroup quota).
        max_concurrent: Steps at once.
        mechanisms: What to simulate.
        stretch: Factor on a step's work when so many steps work at once, beyond what sharing
            the cores explains (a lock, memory bandwidth, a remote that throttles).
    """
    return _Run(
        overhead,
        plan,
        cores=cores,
        max_concurrent=max_concurrent,
        mechanisms=mechanisms,
        stretch=stretch,
    ).run()
