"""What has no noise: what a run makes, as the graph and the items give it, and what calls move."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from advisor.domain.gate import ProxyCount
from advisor.domain.workload import WorkloadDescription

if TYPE_CHECKING:
    from advisor.gate.orders import OpSurvey, Survey


def steps_of_run(description: WorkloadDescription, items: int) -> int | None:
    """Steps of a run with so many items; None for a bare op."""
    if description.fan_out is None:
        return None
    once = 1 + len(description.upstream) + len(description.collects) + description.other_steps
    return once + items * len(description.mapped)


def events_of_run(description: WorkloadDescription, items: int) -> int | None:
    """Rows of a multiprocess run's event log, from the graph.

    A step has 7 (STEP_WORKER_STARTING, _STARTED, RESOURCE_INIT_STARTED, _SUCCESS, LOGS_CAPTURED,
    STEP_START, STEP_SUCCESS), two an input (LOADED_INPUT, STEP_INPUT) and two an output
    (STEP_OUTPUT, HANDLED_OUTPUT); the fan-out has an output an item, a collecting op loads them.
    """
    steps = steps_of_run(description, items)
    if steps is None:
        return None
    mapped = sum(2 * len(op.inputs) + 2 * len(op.outputs) for op in description.mapped)
    return 7 * steps + items * (mapped + 2 + len(description.collects))


def compared_counts(base: Survey, head: Survey) -> Iterator[ProxyCount]:
    """The counts of what is on both sides; of a side without items, nothing that a run makes."""
    yield ProxyCount("items", base.items, head.items)
    if base.items and head.items:
        if base.steps is not None and head.steps is not None:
            yield ProxyCount("steps", base.steps, head.steps)
        if base.events is not None and head.events is not None:
            yield ProxyCount("events", base.events, head.events)
    bases = {op.handle: op for op in base.ops}
    for op in head.ops:
        before = bases.get(op.handle)
        if before is None or not before.calls or not op.calls:
            continue
        sizes: tuple[Literal["input_bytes", "output_bytes"], ...] = ("input_bytes", "output_bytes")
        for name in sizes:
            yield ProxyCount(name, _mean(before, name), _mean(op, name), op.handle)
        if before.errors or op.errors:
            yield ProxyCount("errors", before.errors, op.errors, op.handle)
        yield ProxyCount("modules", before.modules, op.modules, op.handle)


def _mean(op: OpSurvey, name: Literal["input_bytes", "output_bytes"]) -> int:
    return round(statistics.fmean(getattr(call, name) for call in op.calls))
