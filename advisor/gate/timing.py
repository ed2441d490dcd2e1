"""The timed calls of a side, in turns with the other side's process."""

import contextlib
import gc
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from advisor.domain.workload import MappedOp
from advisor.gate.baton import Baton, OtherGoneError
from advisor.gate.orders import Inputs, OpCalls, TimingRequest
from advisor.gate.side import opened_side, reason_of
from advisor.measure.meter import Reading
from advisor.measure.ops.results import Parts, parts_of
from advisor.measure.ops.session import Session

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
        results: dict[str, Mapping[str, object]] = {}
        for op in opened.reached(results):
            row = opened.inputs_of(op, item, results)
            inputs[op.handle].append(row)
            results[op.handle] = opened.call(op, row, item)
    return inputs
