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

from advisor.model.processor_sharing import ProcessorSharing


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


@dataclass(frozen=True, slots=True)
class LoopTimeline:
    """When each chain was complete, in seconds from the first step's start."""

    ended_s: tuple[float, ...]

    @property
    def makespan_s(self) -> float:
        """When all chains were complete."""
        return max(self.ended_s, default=0.0)


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


class _Loop:
    """One simulated run of the mapped steps."""

    def __init__(
        self,
        chains: Sequence[Sequence[LoopWork]],
        max_concurrent: int,
        sharing: ProcessorSharing,
        slower: Callable[[int], tuple[float, float]],
    ) -> None:
        self.chains = chains
        self.max_concurrent = max_concurrent
        self.sharing = sharing
        slots = min(max_concurrent, len(chains))
        self.slower = [(1.0, 1.0), *map(slower, range(1, slots + 1))]
        """By how much so many active steps slow waiting and computing."""
        self.runnable = deque((item, 0) for item in range(len(chains)))
        self.active = self.slowed_by = 0
        self.ended_s = [0.0] * len(chains)

    def run(self) -> LoopTimeline:
        self.fill()
        while self.sharing.happen():
            pass
        return LoopTimeline(tuple(self.ended_s))

    def fill(self) -> None:
        """Start steps in the free slots."""
        while self.runnable and self.active < self.max_concurrent:
            item, stage = self.runnable.popleft()
            self.active += 1
            before_s = self.chains[item][stage].before_s
            self.sharing.compute(before_s, 1.0, partial(self.called, item, stage))
        if self.active != self.slowed_by:
            self.slowed_by = self.active
            waiting, computing = self.slower[self.active]
            self.sharing.slow(computing=computing, waiting=waiting)

    def called(self, item: int, stage: int) -> None:
        self.sharing.wait(self.chains[item][stage].wait_s, partial(self.awaited, item, stage))

    def awaited(self, item: int, stage: int) -> None:
        after_s = self.chains[item][stage].after_s
        self.sharing.compute(after_s, 1.0, partial(self.succeeded, item, stage))

    def succeeded(self, item: int, stage: int) -> None:
        self.active -= 1
        if stage + 1 < len(self.chains[item]):
            self.runnable.append((item, stage + 1))
        else:
            self.ended_s[item] = self.sharing.now_s
        self.fill()


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
        slows_waiting: By how much so many at work slow what each waits for (a remote that
            throttles).
        slows_computing: The same for what each computes, besides taking turns.
        at_once: How many can compute at full speed beside each other: 1 on an event loop and
            under the interpreter's lock, the cores where threads or processes share those.
    """
    return _Loop(
        chains,
        max_concurrent,
        ProcessorSharing(at_once),
        lambda working: (slows_waiting(working), slows_computing(working)),
    ).run()
