"""The timeline of ``dagster-async-executor``: every step a task of one event loop.

As its ``executor.py`` (0.0.4) does it: all runnable steps, up to ``max_concurrent``, are started
as tasks of one loop, and each event of a step is handed over before the step goes on, so that the
steps take turns event by event. Dagster's own part of a step (events, IO manager) and the part of
the op that does not await hold the loop; only what is awaited overlaps. Taking turns is simulated
as processor sharing, tracked by virtual clocks, so an event costs O(log n). Workers inside a step
take turns in the same way, at Python's lock or at the cores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True)
class LoopWork:
    """One step (seconds alone).

    Attributes:
        before_s: The loop's own time until the op is called, with the part of the op's
            computing that comes first.
        wait_s: What the op awaits.
        after_s: The loop's own time from then until the step has succeeded.
    """

    before_s: float
    wait_s: float
    after_s: float


@dataclass(frozen=True, slots=True)
class LoopTimeline:
    """What the simulation found.

    Attributes:
        busy_s: Seconds in which the loop was held.
        ended_s: When each chain was complete, from the first step's start.
    """

    busy_s: float
    ended_s: tuple[float, ...]

    @property
    def makespan_s(self) -> float:
        """When all chains were complete."""
        return max(self.ended_s, default=0.0)

    @property
    def first_result_s(self) -> float:
        """When the first chain was complete."""
        return min(self.ended_s, default=0.0)


def taking_turns(wall_s: float, cpu_s: float) -> LoopWork:
    """An item among workers that wait beside each other and take turns at computing.

    Half of its computing is taken to come before its waiting. One that computes on several cores
    by itself computes all the time.
    """
    busy_s = min(wall_s, cpu_s)
    return LoopWork(busy_s / 2, wall_s - busy_s, busy_s / 2)


def alone(_working: int) -> float:
    """Items that do not slow each other."""
    return 1.0


def simulate_loop(
    chains: Sequence[Sequence[LoopWork]],
    *,
    max_concurrent: int,
    slows_waiting: Callable[[int], float] = alone,
    slows_computing: Callable[[int], float] = alone,
    at_once: float = 1.0,
) -> LoopTimeline:
    """Simulate the mapped steps of one run.

    Args:
        chains: ``chains[i][k]`` is stage ``k`` of item ``i``.
        max_concurrent: Steps at once.
        slows_waiting: By how much so many at work slow what each waits for (a remote that
            throttles).
        slows_computing: The same for what each computes, besides taking turns.
        at_once: How many can compute at full speed beside each other: 1 on an event loop and
            under the interpreter's lock, the cores where threads or processes share those.
    """
    runnable = deque((item, 0) for item in range(len(chains)))
    sharing: list[tuple[float, int, int, int, bool]] = []
    waiting: list[tuple[float, int, int, int]] = []
    ended_s = [0.0] * len(chains)
    slower = [
        (slows_waiting(working), slows_computing(working))
        for working in range(1, min(max_concurrent, len(chains)) + 1)
    ]
    # Clocks: of the run, of each that computes, of each that waits.
    now = computed = waited = busy_s = 0.0
    sequence = active = 0

    def hold(item: int, stage: int, work_s: float, *, last: bool) -> None:
        heappush(sharing, (computed + work_s, sequence, item, stage, last))

    while runnable or active:
        while runnable and active < max_concurrent:
            item, stage = runnable.popleft()
            active += 1
            sequence += 1
            hold(item, stage, chains[item][stage].before_s, last=False)
        sequence += 1
        slow, share = slower[active - 1]
        share *= max(1.0, len(sharing) / at_once)
        held_s = (sharing[0][0] - computed) * share if sharing else float("inf")
        awaited_s = (waiting[0][0] - waited) * slow if waiting else float("inf")
        passed_s = min(held_s, awaited_s)
        now += passed_s
        waited += passed_s / slow
        if sharing:
            busy_s += passed_s
            computed += passed_s / share
        if awaited_s < held_s:
            _, _, item, stage = heappop(waiting)
            hold(item, stage, chains[item][stage].after_s, last=True)
            continue
        computed, _, item, stage, last = heappop(sharing)
        if not last:
            heappush(waiting, (waited + chains[item][stage].wait_s, sequence, item, stage))
            continue
        active -= 1
        if stage + 1 < len(chains[item]):
            runnable.append((item, stage + 1))
        else:
            ended_s[item] = now
    return LoopTimeline(busy_s, tuple(ended_s))
