"""Hooks of the ops, called after some of the measured calls as steps call them, under a clock."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from advisor.measure.meter import Reading, clocked
from advisor.measure.ops.orders import MOST_HOOK_CALLS

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation, PreparedCall
    from advisor.domain.workload import MappedOp


class OpHooks:
    """Calls the hooks of a process, not more often than needed: they may tell people."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()

    def call(
        self,
        invocation: Invocation,
        op: MappedOp,
        prepared: PreparedCall,
        outputs: dict[str, object],
        key: str | None,
    ) -> tuple[Reading | None, dict[str, Exception]]:
        """What the op's hooks take, None where they are not called; hook to what it raised."""
        self._calls[op.handle] += 1
        if not op.hooks or self._calls[op.handle] > MOST_HOOK_CALLS:
            return None, {}
        with clocked() as reading:
            raised = invocation.call_hooks(op, prepared, outputs, key)
        return reading, raised
