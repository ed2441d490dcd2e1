"""The timed calls of a side, in turns: of the two processes of a pair one works at a time."""

import contextlib
import gc
import os
import pickle
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from advisor.domain.workload import MappedOp
from advisor.gate.orders import OTHER, BatonRequest, Inputs, OpCalls, Side, TimingRequest
from advisor.gate.survey import opened_side, reason_of
from advisor.measure.descriptors import OwnFile
from advisor.measure.meter import Reading
from advisor.measure.ops.results import Parts, parts_of
from advisor.measure.ops.session import Session

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


_CLOCK_S = 1e-7


def time_calls(request: TimingRequest) -> dict[str, OpCalls]:
    """Time the ops' calls, after one that is not timed. Runs in a child."""
    timed: dict[str, _TimedOp] = {}
    with opened_side(request.survey, request.drawn) as side, contextlib.suppress(OtherGoneError):
        opened = side.session
        inputs = _inputs_for(request, opened)
        ops = {op.handle: op for op in opened.chain}
        baton = request.baton and Baton(request.baton, request.survey.tree.side)
        if baton:
            baton.meet()
        take = baton.take if baton else _now
        for handle in request.ops:
            rows, repeats = inputs.get(handle, ()), request.repeats[handle]
            op = timed[handle] = _TimedOp(opened, ops.get(handle), rows, repeats)
            take(op.warm)
            for turn in range(request.turns[handle]):
                take(partial(op.call, turn, request.turns[handle]))
        if baton:
            baton.meet()
    return {handle: op.calls for handle, op in timed.items()}


def _now(work: Callable[[], None]) -> None:
    work()


class _TimedOp:
    """One op's timed calls; after a failure its turns are empty."""

    def __init__(
        self,
        opened: Session,
        op: MappedOp | None,
        rows: Sequence[dict[str, object]],
        repeats: int,
    ) -> None:
        self._opened, self._op, self._rows = opened, op, rows
        # Where results are kept (one repeat), the call before the timed ones must not be on an
        # item that is timed; elsewhere every item is.
        items = range(1 if repeats == 1 and len(rows) > 1 else 0, len(rows))
        self._items = [item for _ in range(repeats) for item in items]
        self._calls_s: dict[int, list[float]] = {item: [] for item in items}
        self._result: Parts = {}
        self._failed = None if op and rows else "it has no sample inputs on this side"

    @property
    def calls(self) -> OpCalls:
        """The seconds of the calls, or why there are none."""
        if self._failed is not None:
            return OpCalls(failed=self._failed)
        return OpCalls(tuple(map(tuple, self._calls_s.values())), result=self._result)

    def warm(self) -> None:
        """The call that is not timed; its result is compared with the other side's."""
        gc.collect()
        call = self._timed(0)
        if call is not None:
            self._result = parts_of(call[0])

    def call(self, turn: int, turns: int) -> None:
        """The calls of one of so many turns."""
        count = len(self._items)
        for item in self._items[turn * count // turns : (turn + 1) * count // turns]:
            call = self._timed(item)
            if call is not None:
                self._calls_s[item].append(max(call[1].wall_s, _CLOCK_S))

    def _timed(self, item: int) -> tuple[dict[str, object], Reading] | None:
        if self._failed is not None or self._op is None:
            return None
        try:
            return self._opened.timed(self._op, self._rows[item], item)
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            self._failed = reason_of(error, self._opened, self._op, item)
            return None


def _inputs_for(request: TimingRequest, opened: Session) -> Inputs:
    """The inputs that the survey wrote; where it could not, those of the chain run again."""
    if request.samples_file is not None:
        content = Path(request.samples_file).read_bytes()
        return cast("Inputs", pickle.loads(content))  # noqa: S301 - written by our own survey
    inputs: Inputs = {op.handle: [] for op in opened.chain}
    for item in range(len(opened.drawn.positions)):
        for op, row, _ in opened.calls(item):
            inputs[op.handle].append(dict(row))
    return inputs
