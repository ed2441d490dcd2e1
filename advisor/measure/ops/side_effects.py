"""Hooks of the ops, called after some of the measured calls as steps call them, under a clock."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.domain.workload import MappedOp
from advisor.measure.meter import Reading, clocked
from advisor.measure.ops.orders import MOST_HOOK_CALLS

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation, PreparedCall


@dataclass(slots=True)
class ErrorRecords:
    """How many were made so far; their messages are not looked at."""

    count: int = 0


@contextmanager
def error_records() -> Iterator[ErrorRecords]:
    """Count the records of every logger of this process while the block runs.

    The record factory sees those of loggers that do not propagate too, Dagster's ``context.log``
    among them.
    """
    records = ErrorRecords()
    original = logging.getLogRecordFactory()

    def counting(*arguments: object, **keywords: object) -> logging.LogRecord:
        record = original(*arguments, **keywords)
        level: object = record.levelno  # none yet in a record that is made again of its fields
        records.count += isinstance(level, int) and level >= logging.ERROR
        return record

    logging.setLogRecordFactory(counting)
    try:
        yield records
    finally:
        logging.setLogRecordFactory(original)


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
