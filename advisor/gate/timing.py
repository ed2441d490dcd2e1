"""The timed calls of a side, in turns with the other side's process."""

from __future__ import annotations

import contextlib
import gc
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from advisor.domain.workload import MappedOp
from advisor.gate.baton import Baton, OtherGoneError
from advisor.gate.orders import Inputs, OpCalls, TimingRequest
from advisor.gate.side import Call, Opened, called, drawn_samples, opened_side

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation

_CLOCK_S = 1e-7


def time_calls(request: TimingRequest) -> dict[str, OpCalls]:
    """Time the ops' calls, after one that is not timed. Runs in a child."""
    timed: dict[str, _Timed] = {}
    with opened_side(request.survey) as opened, contextlib.suppress(OtherGoneError):
        opened.invocation.start_resources()
        inputs = _inputs_for(request, opened)
        ops = {op.handle: op for op in opened.description.mapped}
        baton = request.baton and Baton(request.baton, request.survey.tree.side)
        if baton:
            baton.meet()
        take = baton.take if baton else _at_once
        for handle in request.ops:
            op = timed[handle] = _Timed(
                opened.invocation,
                ops.get(handle),
                inputs.get(handle, ()),
                request.repeats[handle],
                request.survey.item_timeout_s,
            )
            take(op.warm)
            for turn in range(request.turns[handle]):
                take(partial(op.call, turn, request.turns[handle]))
        if baton:
            baton.meet()
    return {handle: op.told for handle, op in timed.items()}


def _at_once(work: Callable[[], None]) -> None:
    work()


class _Timed:
    """One op's timed calls; after a failure its turns are empty."""

    def __init__(
        self,
        invocation: Invocation,
        op: MappedOp | None,
        rows: Sequence[dict[str, object]],
        repeats: int,
        timeout_s: float,
    ) -> None:
        self._invocation, self._op, self._rows, self._timeout_s = invocation, op, rows, timeout_s
        # Where results are kept (one repeat), the call before the timed ones must not be on an
        # item that is timed; elsewhere every item is.
        kept = repeats == 1 and len(rows) > 1
        self._items = range(1, len(rows)) if kept else range(len(rows))
        self._calls = [item for _ in range(repeats) for item in self._items]
        self._calls_s: dict[int, list[float]] = {item: [] for item in self._items}
        self._failed = None if op and rows else "it has no sample inputs on this side"

    @property
    def told(self) -> OpCalls:
        """What the calls gave."""
        if self._failed is not None:
            return OpCalls(failed=self._failed)
        return OpCalls(tuple(map(tuple, self._calls_s.values())))

    def warm(self) -> None:
        """The call that is not timed."""
        gc.collect()
        self._called(0)

    def call(self, turn: int, turns: int) -> None:
        """The calls of one of so many turns."""
        count = len(self._calls)
        for item in self._calls[turn * count // turns : (turn + 1) * count // turns]:
            call = self._called(item)
            if call is not None:
                self._calls_s[item].append(max(call.wall_s - call.queued_s, _CLOCK_S))

    def _called(self, item: int) -> Call | None:
        if self._failed is not None or self._op is None:
            return None
        call = called(self._invocation, self._op, self._rows[item], item, self._timeout_s)
        self._failed = call.failed
        return call if call.failed is None else None


def _inputs_for(request: TimingRequest, opened: Opened) -> Inputs:
    """The inputs that the survey kept; where it could not, drawn again."""
    from advisor.dagster_bridge.invocation import item_inputs

    if request.samples_file is not None:
        content = Path(request.samples_file).read_bytes()
        return cast("Inputs", pickle.loads(content))  # noqa: S301 - written by our own survey
    drawn = drawn_samples(request.survey, opened)
    inputs: Inputs = {op.handle: [] for op in opened.description.mapped}
    for item in drawn.items[: request.survey.samples]:
        results: dict[str, dict[str, object]] = {}
        for op in opened.description.mapped:
            row = item_inputs(op, item.inputs, results, drawn.fixed_inputs)
            inputs[op.handle].append(row)
            results[op.handle] = opened.invocation.call(op, row)
    return inputs
