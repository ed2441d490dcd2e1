"""The timeline of ``dagster-async-executor``: every step a task of one event loop.

As its ``executor.py`` (0.0.4) does it: all runnable steps, up to ``max_concurrent``, are started
as tasks of one loop, and each event of a step is handed over before the step goes on, so that the
steps take turns event by event. Dagster's own part of a step (events, IO manager) and the part of
the op that does not await hold the loop; only what is awaited overlaps. Taking turns is simulated
as processor sharing on one core, tracked by one virtual clock, so an event costs O(log n).
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
        makespan_s: From the first step's start to the last one's success.
        busy_s: Seconds in which the loop was held.
        first_result_s: When the first chain was complete.
    """

    makespan_s: float
    busy_s: float
    first_result_s: float


def alone(_waiting: int) -> float:
    """Items whose waiting does not slow each other."""
    return 1.0


def simulate_loop(
    chains: Sequence[Sequence[LoopWork]],
    *,
    max_concurrent: int,
    stretch: Callable[[int], float] = alone,
) -> LoopTimeline:
    """Simulate the mapped steps of one run.

    Args:
        chains: ``chains[i][k]`` is stage ``k`` of item ``i``.
        max_concurrent: Steps at once.
        stretch: Factor on a step's waiting when so many wait at once (a remote that throttles).
    """
    runnable = deque((item, 0) for item in range(len(chains)))
    sharing: list[tuple[float, int, int, int, bool]] = []
    waiting: list[tuple[float, int, int, int]] = []
    now = virtual = busy_s = first_result_s = 0.0
    sequence = active = 0

    def hold(item: int, stage: int, work_s: float, *, last: bool) -> None:
        heappush(sharing, (virtual + work_s, sequence, item, stage, last))

    while runnable or active:
        while runnable and active < max_concurrent:
            item, stage = runnable.popleft()
            active += 1
            sequence += 1
            hold(item, stage, chains[item][stage].before_s, last=False)
        sequence += 1
        held = now + (sharing[0][0] - virtual) * len(sharing) if sharing else float("inf")
        awaited = waiting[0][0] if waiting else float("inf")
        until = min(held, awaited)
        if sharing:
            busy_s += until - now
            virtual += (until - now) / len(sharing)
        now = until
        if awaited < held:
            _, _, item, stage = heappop(waiting)
            hold(item, stage, chains[item][stage].after_s, last=True)
            continue
        virtual, _, item, stage, last = heappop(sharing)
        if not last:
            wait_s = chains[item][stage].wait_s * stretch(len(waiting) + 1)
            heappush(waiting, (now + wait_s, sequence, item, stage))
            continue
        active -= 1
        if stage + 1 < len(chains[item]):
            runnable.append((item, stage + 1))
        elif not first_result_s:
            first_result_s = now
    return LoopTimeline(makespan_s=now, busy_s=busy_s, first_result_s=first_result_s)
