"""Fan-outs inside what is mapped already: Dagster skips what follows them, and succeeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import OpDefinition

from advisor.dagster_bridge.private import ExecutionPlan, UnresolvedMappedExecutionStep


def nested_fan_outs(
    plan: ExecutionPlan, ops: Mapping[str, OpDefinition]
) -> dict[str, tuple[str, ...]]:
    """Handle of each mapped op whose dynamic output is used, to the handles that are skipped.

    A step is made for each output of one fan-out only. Where that step itself yields dynamic
    outputs, the plan holds no step for them: what takes them waits for an output that no step
    has, and is skipped without an error, with all that follows (Dagster 1.13).
    """
    inner = {
        (str(step.node_handle), output.name)
        for step in plan.step_dict.values()
        if isinstance(step, UnresolvedMappedExecutionStep)
        for output in ops[str(step.node_handle)].output_defs
        if output.is_dynamic
    }
    cause: dict[str, str] = {}
    for step in plan.step_dict.values():  # in topological order
        for handle, output in _sources(step):
            if (handle, output) in inner or handle in cause:
                cause[str(step.node_handle)] = cause.get(handle, handle)
    return {
        fan_out: tuple(skipped for skipped, by in cause.items() if by == fan_out)
        for fan_out in dict.fromkeys(cause.values())
    }


def _sources(step: Any) -> Iterator[tuple[str, str]]:
    """(op's handle, output) of all that the step's inputs come from."""
    todo = [step_input.source for step_input in step.step_inputs]
    while todo:
        source = todo.pop()
        if hasattr(source, "unresolved_step_output_handle"):
            unresolved = source.unresolved_step_output_handle
            yield str(unresolved.unresolved_step_handle.node_handle), unresolved.output_name
        elif hasattr(source, "step_output_handle"):
            yield source.step_output_handle.step_key, source.step_output_handle.output_name
        todo += getattr(source, "sources", ())  # a plain fan-in
        todo += [source.source] if hasattr(source, "source") else []  # a collected one
