"""One call of an op to its end: what it gives by output name, and has Dagster record."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from dagster import (
    AssetMaterialization,
    AssetObservation,
    DynamicOutput,
    ExpectationResult,
    OpDefinition,
    Output,
    RetryRequested,
)

from advisor.dagster_bridge.awaiting import run_to_end
from advisor.dagster_bridge.private import DirectOpExecutionContext
from advisor.dagster_bridge.structure import SINGLE_RESULT
from advisor.dagster_bridge.target import JOBS
from advisor.domain.errors import TargetError
from advisor.domain.workload import MappedOp

_OF_ASSETS = (AssetMaterialization, AssetObservation)
_EVENTS_OF_OUTPUT = 2  # that it was given, and that it was stored


class RecordedEvents(logging.Handler):
    """Counts of one call.

    Attributes:
        count: All events, log lines included, beside those that every step has.
        lines: Lines of ``context.log`` among them, of which no parent process is told.
        of_assets: Materializations and observations among them.
        attempts: How often the op was called: more than once where it failed and was retried.
    """

    def __init__(self, hooks: int = 0) -> None:
        super().__init__()
        self.count, self.of_assets, self.attempts = hooks, 0, 1
        self.lines = 0

    def emit(self, _record: logging.LogRecord) -> None:
        """A line of ``context.log``."""
        self.count += 1
        self.lines += 1

    def add(self, events: Iterable[object]) -> None:
        """What the op yielded, or logged through its context."""
        for event in events:
            self.of_assets += isinstance(event, _OF_ASSETS)
            self.count += isinstance(event, (*_OF_ASSETS, ExpectationResult))

    def add_outputs(self, outputs: int) -> None:
        """Outputs beyond the one that is part of every step."""
        self.count += _EVENTS_OF_OUTPUT * max(0, outputs - 1)


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call with everything built around it: ``run`` is the user's code alone.

    Attributes:
        events: What it has Dagster record, its attempts included.
        again: Prepares the next attempt, which a run would make after a failure.
        policy_retries: How many the op's retry policy allows.
    """

    function: Callable[[], Any]
    op: OpDefinition | None
    close: Callable[[], None] = lambda: None
    context: DirectOpExecutionContext | None = None
    events: RecordedEvents = field(default_factory=RecordedEvents)
    again: Callable[[], PreparedCall] | None = None
    policy_retries: int = 0

    def run(self) -> dict[str, object]:
        """Execute the user's code to its end; outputs by name.

        A dynamic output is a dict from mapping key to value. Where the op fails and a run would
        retry it, it is called again at once: the policy's delay is left out.
        """
        try:
            given = self.function()
            returned = exhausted(given)
        except Exception as error:
            if self.again is None or self.events.attempts > self._retries_after(error):
                raise
            self.events.attempts += 1
            return self.again().run()
        finally:
            self.close()
        yielded = inspect.isgenerator(given) or inspect.isasyncgen(given)
        outputs = _outputs_by_name(self.op, returned, yielded=yielded)
        if self.context is not None:
            self.events.add(self.context.get_events())
            self.events.add(returned if isinstance(returned, list) else ())
            self.events.add_outputs(len(outputs))
        return outputs

    def _retries_after(self, error: Exception) -> int:
        """How many retries a run makes in all after such a failure."""
        if isinstance(error, RetryRequested):
            return error.max_retries
        return self.policy_retries if getattr(error, "allow_retries", True) else 0


def exhausted(returned: object) -> object:
    """What a call really gives: coroutines awaited, generators run to their end as a list."""
    if inspect.iscoroutine(returned):
        return run_to_end(returned)
    if inspect.isasyncgen(returned):
        return run_to_end(_collected(returned))
    if inspect.isgenerator(returned):
        return list(returned)
    return returned


async def _collected(events: AsyncIterator[object]) -> list[object]:
    return [event async for event in events]


def _outputs_by_name(
    op: OpDefinition | None, returned: object, *, yielded: bool
) -> dict[str, object]:
    """Normalise what an op returned, or yielded as a list of events, to values by output name."""
    if op is None:
        if isinstance(returned, JOBS):
            raise TargetError(
                "The function gives a job when it is called with an item: it does no item's work.",
                hint="Call it in a function of its own that needs no argument, and name that.",
            )
        return {SINGLE_RESULT: returned}
    events = cast("list[object]", returned) if yielded else _outputs_in_order(op, returned)
    outputs: dict[str, object] = {output.name: {} for output in op.output_defs if output.is_dynamic}
    for event in events:
        if isinstance(event, DynamicOutput):
            dynamic = cast("dict[str, object]", outputs.setdefault(event.output_name, {}))
            dynamic[event.mapping_key] = event.value
        elif isinstance(event, Output):
            outputs[event.output_name] = event.value
    return outputs


def _outputs_in_order(op: OpDefinition, returned: object) -> Iterator[object]:
    """What an op returned, as its outputs: by their places, as in a run, which needs no names."""
    several = len(op.output_defs) > 1 and isinstance(returned, tuple)
    values = cast("tuple[object, ...]", returned) if several else (returned,)
    for output, value in zip(op.output_defs, values, strict=several):
        for each in value if output.is_dynamic and isinstance(value, list) else [value]:
            if isinstance(each, DynamicOutput):
                yield DynamicOutput(each.value, each.mapping_key, output.name)
            else:
                yield Output(each.value if isinstance(each, Output) else each, output.name)


def item_inputs(
    op: MappedOp,
    sample: Mapping[str, object],
    results: Mapping[str, Mapping[str, object]],
    fixed: Mapping[str, Mapping[str, object]],
) -> dict[str, object]:
    """The inputs of one mapped op for one item.

    Args:
        sample: The item's own inputs, as sampled for the first op of the chain.
        results: Outputs by name of the chain's ops that were called for this item, by handle.
    """
    inputs = dict(fixed.get(op.handle, {}))
    values = list({id(value): value for value in sample.values()}.values())
    for name in op.inputs:
        handle, output = op.sources.get(name, ("", ""))
        if handle in results and output in results[handle]:
            inputs[name] = results[handle][output]
        elif name in sample and (handle not in results):
            inputs[name] = sample[name]
        elif handle and handle not in results and len(values) == 1:
            inputs[name] = values[0]  # the item, under another name than the first op has for it
    return inputs
