"""Processor sharing: what computes shares the cores, and what waits waits beside it.

With ``R`` runnable threads on ``C`` cores each runs at ``min(1, C / R)``. How far each is, is
tracked by one virtual clock for all that compute and one for all that wait, so an event costs
O(log R) (Parekh and Gallager 1993, "A generalized processor sharing approach to flow control").
"""

from collections.abc import Callable
from heapq import heappop, heappush

FOREVER_S = float("inf")


def alone(_working: int) -> float:
    """The factor of items that do not slow each other."""
    return 1.0


class ProcessorSharing:
    """Threads that compute or wait on ``cores``, which may be a fraction.

    Attributes:
        cpu_used_s: CPU seconds of all that began to compute.
    """

    __slots__ = (
        "_computed_s", "_computing", "_cores", "_pace", "_sequence", "_slows_computing",
        "_slows_waiting", "_threads", "_waited_s", "_waiting", "cpu_used_s", "now_s",
    )  # fmt: skip

    def __init__(self, cores: float) -> None:
        self.now_s = 0.0
        self.cpu_used_s = 0.0
        self._cores = cores
        self._threads = 0.0
        self._slows_computing = self._slows_waiting = 1.0
        self._pace = 1.0
        """Seconds that a thread needs for one of computing."""
        self._computed_s = self._waited_s = 0.0
        """The virtual clocks."""
        self._computing: list[tuple[float, int, float, Callable[[], None]]] = []
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def compute(self, cpu_s: float, threads: float, then: Callable[[], None]) -> None:
        """Use ``cpu_s`` CPU seconds on ``threads`` threads, then call ``then``."""
        self._sequence += 1
        self.cpu_used_s += cpu_s
        self._runnable(threads)
        heappush(
            self._computing, (self._computed_s + cpu_s / threads, self._sequence, threads, then)
        )

    def wait(self, wait_s: float, then: Callable[[], None]) -> None:
        """Wait ``wait_s`` seconds, then call ``then``."""
        self._sequence += 1
        heappush(self._waiting, (self._waited_s + wait_s, self._sequence, then))

    def slow(self, computing: float, waiting: float) -> None:
        """From now on all that computes and all that waits takes so many times as long."""
        self._slows_computing, self._slows_waiting = computing, waiting
        self._runnable(0.0)

    def _runnable(self, more_threads: float) -> None:
        """So many more threads want a core from now on."""
        self._threads += more_threads
        crowd = self._threads / self._cores
        self._pace = self._slows_computing * crowd if crowd > 1.0 else self._slows_computing

    def _next(self) -> tuple[float, bool]:
        """When something happens next, and whether it is that something has computed."""
        woken_s = computed_s = FOREVER_S
        if self._waiting:
            woken_s = self.now_s + (self._waiting[0][0] - self._waited_s) * self._slows_waiting
        if self._computing:
            computed_s = self.now_s + (self._computing[0][0] - self._computed_s) * self._pace
        return (computed_s, True) if computed_s < woken_s else (woken_s, False)

    def next_event_s(self) -> float:
        """When something happens next; infinity if nothing will."""
        return self._next()[0]

    def advance_to(self, until_s: float) -> None:
        """Move the clock to ``until_s``; no event lies before it."""
        passed_s = until_s - self.now_s
        self._computed_s += passed_s / self._pace
        self._waited_s += passed_s / self._slows_waiting
        self.now_s = until_s

    def happen(self, limit_s: float = FOREVER_S) -> bool:
        """Let the next event happen; where none lies before ``limit_s``, move the clock there.

        Returns:
            Whether something happened.
        """
        at_s, computed = self._next()
        if at_s > limit_s or at_s == FOREVER_S:
            if limit_s < FOREVER_S:
                self.advance_to(limit_s)
            return False
        passed_s = at_s - self.now_s
        self.now_s = at_s
        if computed:
            self._waited_s += passed_s / self._slows_waiting
            self._computed_s, _, threads, then = heappop(self._computing)
            self._runnable(-threads)
        else:
            self._computed_s += passed_s / self._pace
            self._waited_s, _, then = heappop(self._waiting)
        then()
        return True
