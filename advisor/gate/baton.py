"""Taking turns: of the two processes of a pair one works while the other waits."""

import contextlib
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from advisor.gate.orders import OTHER, BatonRequest, Side
from advisor.measure.descriptors import OwnFile

TURN, GONE = b"t", b"g"  # what is written to a side's pipe: its turn; the other has ended


@contextlib.contextmanager
def pipes_of_turns() -> Iterator[tuple[str, Mapping[Side, int]]]:
    """A folder with a named pipe for each side, and the pipes.

    Open for both directions: opening does not block, and an end is seen only when we write it.
    """
    with tempfile.TemporaryDirectory(prefix="dynadvise-turns-") as folder:
        pipes: dict[Side, int] = {}
        try:
            for side in OTHER:
                os.mkfifo(Path(folder, side))
                pipes[side] = os.open(Path(folder, side), os.O_RDWR)
            yield folder, pipes
        finally:
            for pipe in pipes.values():
                os.close(pipe)


class OtherGoneError(Exception):
    """The other process has ended before its time."""


class Baton:
    """Whose turn it is. Both sides draw the same order and so need not agree on it."""

    def __init__(self, request: BatonRequest, side: Side) -> None:
        folder = Path(request.folder)
        self._side = side
        self._own = OwnFile(folder / side, os.O_RDWR)
        self._other = OwnFile(folder / OTHER[side], os.O_RDWR)
        self._order = random.Random(request.seed)  # noqa: S311 - no secret
        self._last: Side | None = None
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def meet(self) -> None:
        """Wait until the other has come as far."""
        os.write(self._other.descriptor(), TURN)
        self._wait()
        self._last = None

    def take(self, work: Callable[[], None]) -> None:
        """Do a turn's work while the other waits; the other does its own before or after it.

        Both begin it on the same core: of two idle ones each would keep its own, and cores that
        are shared with others differ by more than a regression.
        """
        first: Side = self._order.choice(("base", "head"))
        core = self._order.choice(self._cores) if self._cores else None
        for side in (first, OTHER[first]):
            if side == self._side:
                if self._last not in (None, side):
                    self._wait()
                self._go_to(core)
                work()
            elif self._last == self._side:
                os.write(self._other.descriptor(), TURN)
            self._last = side

    def _go_to(self, core: int | None) -> None:
        """Move this thread to a core. It and those that it starts may leave it at once."""
        if core is not None:
            with contextlib.suppress(OSError):
                usual = os.sched_getaffinity(0)
                os.sched_setaffinity(0, {core})
                os.sched_setaffinity(0, usual)

    def _wait(self) -> None:
        if os.read(self._own.descriptor(), 1) != TURN:
            raise OtherGoneError
