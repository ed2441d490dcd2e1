"""The timeline of ``dagster-async-executor``: every step a task of one event loop.

As its ``executor.py`` (0.0.4) does it: all runnable steps, up to ``max_concurrent``, are started
as tasks of one loop, and each event of a step is handed over before the step goes on, so that the
steps take turns event by event. Dagster's own part of a step (events, IO manager) and the part of
the op that does not await hold the loop; only what is awaited overlaps. Taking turns is simulated
as processor sharing. Workers inside a step take turns in the same way, at Python's lock or at the
cores.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from advisor.model.processor_sharing import ProcessorSharing, alone


@dataclass(frozen=True, slots=True)
class LoopWork:
    """One step (seconds alone).

    Attributes:
        before_s: The loop's own time until the op is called, with the part of the op's
            computing that comes first.
        after_s: The loop's own time from then until the step has succeeded.
    """

    before_s: float
    wait_s: float
    after_s: float


def taking_turns(wall_s: float, cpu_s: float) -> LoopWork:
    """An item among workers that wait beside each other and take turns at computing.

    Half of its computing is taken to come before its waiting. One that computes on several cores
    by itself computes all the time.
    """
    busy_s = min(wall_s, cpu_s)
    return LoopWork(busy_s / 2, wall_s - busy_s, busy_s / 2)


def simulate_loop(
    chains: Sequence[Sequence[LoopWork]],
    *,
    max_concurrent: int,
    slows_waiting: Callable[[int], float] = alone,
    slows_computing: Callable[[int], float] = alone,
    at_once: float = 1.0,
) -> list[float]:
    """When each chain was complete, in seconds from the first step's start.

    Args:
        chains: ``chains[i][k]`` is stage ``k`` of item ``i``.
        slows_waiting: By how much so many at work slow what each waits for (a remote that
            throttles).
        slows_computing: The same for what each computes, besides taking turns.
        at_once: How many can compute at full speed beside each other: 1 on an event loop and
            under the interpreter's lock, the cores where threads or processes share those.
    """
    sharing = ProcessorSharing(at_once)
    slots = range(1, min(max_concurrent, len(chains)) + 1)
    slower = [(1.0, 1.0), *((slows_computing(n), slows_waiting(n)) for n in slots)]
    runnable = deque((item, 0) for item in range(len(chains)))
    active = slowed_by = 0
    ended_s = [0.0] * len(chains)

    def fill() -> None:
        nonlocal active, slowed_by
        while runnable and active < max_concurrent:
            item, stage = runnable.popleft()
            active += 1
            sharing.compute(chains[item][stage].before_s, 1.0, partial(called, item, stage))
        if active != slowed_by:
            slowed_by = active
            sharing.slow(*slower[active])

    def called(item: int, stage: int) -> None:
        sharing.wait(chains[item][stage].wait_s, partial(awaited, item, stage))

    def awaited(item: int, stage: int) -> None:
        sharing.compute(chains[item][stage].after_s, 1.0, partial(succeeded, item, stage))

    def succeeded(item: int, stage: int) -> None:
        nonlocal active
        active -= 1
        if stage + 1 < len(chains[item]):
            runnable.append((item, stage + 1))
        else:
            ended_s[item] = sharing.now_s
        fill()

    fill()
    while sharing.happen():
        pass
    return ended_s
