"""The timeline of Dagster's multiprocess executor: an event-driven simulation.

What is simulated is the loop of ``dagster._core.executor.multiprocess`` and
``child_process_executor``: one serial parent that fills free slots, takes at most one event a
turn from each active step, waits up to 20 ms on each quiet one, and blocks in ``process.join()``
until a finished step's process has exited; and children that boot, prepare, load, work, store and
exit, sharing the cores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Literal, NamedTuple

from advisor.domain.dagster_facts import TICK_S
from advisor.domain.overhead import MultiprocessOverhead
from advisor.model.processor_sharing import FOREVER_S, ProcessorSharing, alone
from advisor.model.run_plan import RunPlan, StepWork, Timeline
from advisor.model.step_queue import STEP, StepQueue

SMALLEST_S = 0.005
"""Shorter stretches of the parent's CPU are put together."""

MOST_TURNS = 256
"""Messages of one step from which on several are taken in a turn: a million must not take minutes
to simulate."""

Phase = Literal["launch", "serialize", "work"]


class Piece(NamedTuple):
    """A stretch of a step: it computes, then waits, then sends its parent messages."""

    cpu_s: float
    phase: Phase
    messages: int = 0
    wait_s: float = 0.0
    threads: float = 1.0


class StepState(IntEnum):
    """What the parent has done about an active step."""

    CLAIMED = 0
    ANNOUNCED = 1
    STARTED = 2


@dataclass(slots=True, eq=False)
class StepProcess:
    """One step's process: the pieces still to come, and its queue to the parent."""

    step: STEP
    pieces: list[Piece]
    next_piece: int = 0
    state: StepState = StepState.CLAIMED
    queued: int = 0
    all_sent: bool = False
    success_handled: bool = False
    exited: bool = False
    entered_s: float = 0.0


class MultiprocessRun:
    """One run of the multiprocess executor, to be simulated.

    Args:
        overhead: The host's price of a step under one start method.
        cores: Effective cores (may be fractional under a cgroup quota).
        stretch: Factor on a step's work when so many steps work in parallel, beyond what sharing
            the cores explains (a lock, memory bandwidth, a remote that throttles).
    """

    def __init__(
        self,
        overhead: MultiprocessOverhead,
        plan: RunPlan,
        *,
        cores: float,
        max_concurrent: int,
        stretch: Callable[[int], float] = alone,
    ) -> None:
        self.overhead = overhead
        self.queue = StepQueue(plan)
        self.max_concurrent = max_concurrent
        self.stretch = stretch
        self.factors: dict[int, float] = {}
        self.pieces_of: dict[StepWork, list[Piece]] = {}
        self.sharing = ProcessorSharing(cores)
        self.items = len(plan.mapped)
        self.total_items = plan.total_items or self.items
        self.debt_s = 0.0
        self.working = 0
        self.server_started = overhead.server_start_s <= 0
        self.phase_s: dict[Phase, float] = {"work": 0.0, "launch": 0.0, "serialize": 0.0}

    # -- children ---------------------------------------------------------------------------
    def _pieces(self, work: StepWork) -> list[Piece]:
        """A step from the start of its process to the end: see `EVENTS_PER_STEP`."""
        o = self.overhead

        def own(
            seconds: float, phase: Phase, messages: int, *, moved_s: float = 0.0, wait_s: float = 0
        ) -> Piece:
            wait_s += seconds * o.wait_share + moved_s * work.io_wait_share
            computing_s = seconds * (1 - o.wait_share) + moved_s * (1 - work.io_wait_share)
            return Piece(computing_s, phase, messages, wait_s)

        plan_s = o.plan_item_s * self.total_items
        prepared = own(o.prepare_s, "launch", 4, wait_s=work.resources_wait_s)
        load_s = o.load_s + o.collect_input_s * max(0, work.inputs - 1)
        output = own(o.fan_out_output_s, "serialize", 2)
        events = own(o.event_s * work.events, "serialize", round(work.messages))
        return [
            own(o.boot_s, "launch", 1),
            prepared._replace(cpu_s=prepared.cpu_s + plan_s + work.resources_s),
            own(load_s, "serialize", 2 * max(1, work.inputs), moved_s=work.load_s),
            Piece(work.first_s, "work", 0, work.first_wait_s),
            Piece(work.cpu_s, "work", 0, work.wait_s, work.threads),
            *[output] * (work.outputs - 1),
            *[events] * (work.events > 0),
            own(o.finish_s, "serialize", 4, moved_s=work.store_s),
            own(o.exit_s, "launch", 0),
        ]

    def _launch(self, child: StepProcess) -> None:
        work = self.queue.work_of(child.step)
        if work not in self.pieces_of:
            self.pieces_of[work] = self._pieces(work)
        child.pieces = self.pieces_of[work]
        self._next_piece(child)

    def _stretched(self, piece: Piece) -> tuple[float, float]:
        """A piece of work's computing and waiting among so many that work by now."""
        if self.working not in self.factors:
            self.factors[self.working] = self.stretch(self.working)
        factor = self.factors[self.working]
        return piece.cpu_s * factor, piece.wait_s * factor

    def _next_piece(self, child: StepProcess) -> None:
        """Begin the child's next piece; pieces that take no time are passed at once."""
        sharing = self.sharing
        while child.next_piece < len(child.pieces):
            piece = child.pieces[child.next_piece]
            cpu_s, wait_s = piece.cpu_s, piece.wait_s
            if piece.phase == "work":
                self.working += 1
                cpu_s, wait_s = self._stretched(piece)
            child.entered_s = sharing.now_s
            if cpu_s > 0:
                sharing.compute(cpu_s, piece.threads, partial(self._computed, child, wait_s))
                return
            if wait_s > 0:
                sharing.wait(wait_s, partial(self._piece_done, child))
                return
            self._finish_piece(child)
        child.exited = True

    def _computed(self, child: StepProcess, wait_s: float) -> None:
        if wait_s > 0:
            self.sharing.wait(wait_s, partial(self._piece_done, child))
        else:
            self._piece_done(child)

    def _piece_done(self, child: StepProcess) -> None:
        self._finish_piece(child)
        self._next_piece(child)

    def _finish_piece(self, child: StepProcess) -> None:
        piece = child.pieces[child.next_piece]
        self.phase_s[piece.phase] += self.sharing.now_s - child.entered_s
        if piece.phase == "work":
            self.working -= 1
        child.queued += piece.messages
        child.next_piece += 1
        child.all_sent = child.next_piece >= len(child.pieces) - 1

    # -- the parent -------------------------------------------------------------------------
    def _spend(self, cpu_s: float) -> None:
        """The parent computes; the others go on meanwhile.

        What is shorter than ``SMALLEST_S`` is saved up: a simulation then has far fewer events,
        and moves by less than that.
        """
        self.debt_s += cpu_s
        if self.debt_s >= SMALLEST_S:
            self._block(self.debt_s)
            self.debt_s = 0.0

    def _block(self, cpu_s: float, wait_s: float = 0.0) -> None:
        """Until somebody has computed and waited so long: the parent, or the forkserver."""
        done: list[bool] = []
        self.sharing.compute(
            cpu_s, 1.0, lambda: self.sharing.wait(wait_s, lambda: done.append(True))
        )
        while not done:
            self.sharing.happen()

    def _claim(self, pool: str, step: STEP) -> bool:
        """Ask for a slot of the step's pool; a step that is blocked is logged, and asks again."""
        self._spend(self.overhead.claim_s)
        granted = self.queue.pools.claim(pool, step, self.sharing.now_s)
        if not granted:
            self._spend(self.overhead.turn_s)
        return granted

    def _fill(self, active: list[StepProcess]) -> None:
        """Claim steps for the free slots."""
        pools = self.queue.pools
        while len(active) < self.max_concurrent:
            step = self.queue.take(lambda: self.sharing.now_s, self._claim)
            if step is not None:
                active.append(StepProcess(step, []))
            elif not active and pools.waiting:
                while self.sharing.happen(pools.next_due_s()):
                    pass
            else:
                return

    def _step_succeeded(self, step: STEP) -> None:
        """The parent has handled STEP_SUCCESS."""
        if self.queue.pool_of(step) is not None:
            self._spend(self.overhead.claim_s)
        self.queue.succeeded(step, self.sharing.now_s)

    def _start(self, child: StepProcess) -> None:
        """The parent starts a step's process, and before the first one the forkserver."""
        if not self.server_started:
            self.server_started = True
            self._block(self.overhead.server_start_s)
        self._launch(child)

    def _visit(self, child: StepProcess) -> bool:
        """One ``next()`` on a step's iterator; True when the step is finished."""
        if child.state == StepState.CLAIMED:
            child.state = StepState.ANNOUNCED
            self._spend(self.overhead.turn_s)
            if self.overhead.parent_wait_s > 0:
                self._block(0.0, self.overhead.parent_wait_s)
            return False
        if child.state == StepState.ANNOUNCED:
            child.state = StepState.STARTED
            self._start(child)
        limit_s = self.sharing.now_s + TICK_S
        while not child.queued:
            if not self.sharing.happen(limit_s):
                return False
        events = 1 + child.queued // MOST_TURNS
        child.queued -= events
        self._spend(events * self.overhead.turn_s)
        if not child.all_sent or child.queued > 1:
            return False
        if not child.success_handled:
            child.success_handled = True
            self._step_succeeded(child.step)
        if child.queued:
            return False
        self._join(child)
        return True

    def _join(self, child: StepProcess) -> None:
        """The parent blocks until a finished step's process has exited."""
        while not child.exited:
            self.sharing.happen()

    def _skip_ahead(self, active: list[StepProcess]) -> None:
        """While every started step is quiet, whole rounds of polls change nothing: skip them."""
        if any(child.queued or child.state < StepState.STARTED for child in active):
            return
        sharing = self.sharing
        round_s = TICK_S * len(active)
        until_s = sharing.next_event_s()
        if len(active) < self.max_concurrent:
            until_s = min(until_s, self.queue.pools.next_due_s())
        ahead_s = until_s - sharing.now_s
        if round_s < ahead_s < FOREVER_S:
            sharing.advance_to(sharing.now_s + int(ahead_s / round_s) * round_s)

    def run(self) -> Timeline:
        """Simulate the whole run."""
        self._spend(self.overhead.start_s)
        active: list[StepProcess] = []
        while active or not self.queue.is_empty:
            self._fill(active)
            self._skip_ahead(active)
            if self.queue.runnable:
                waiting = len(self.queue.runnable) + (self.total_items - self.items) / 2
                self._spend(self.overhead.turn_item_s * waiting)
            finished = [child for child in active if self._visit(child)]
            if finished:
                active = [child for child in active if child not in finished]
        self._spend(self.overhead.end_s)
        slots = max(1, min(self.max_concurrent, self.items))
        return Timeline(
            makespan_s=self.sharing.now_s,
            core_seconds=self.sharing.cpu_used_s,
            work_s=self.phase_s["work"] / slots,
            launch_s=self.phase_s["launch"] / slots,
            serialize_s=self.phase_s["serialize"] / slots,
            first_result_s=self.queue.first_result_s,
            pool_wait_s=self.queue.pools.empty_s,
        )
