"""Why Dagster refuses to plan a job that could be defined, in terms of the user's ops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagster import JobDefinition, OpDefinition

from advisor.dagster_bridge.source_hash import source_location
from advisor.domain.errors import TargetError


def plan_refusal(job: JobDefinition, error: Exception) -> TargetError:
    """The error for a plan that Dagster's own checks refuse, with the op where one is known."""
    what = f"Dagster cannot plan job '{job.name}'."
    fan_in = next(_mapped_fan_ins(job.graph), None)
    if fan_in is None:
        return TargetError(what, details=str(error), hint="Dagster refuses every run of it.")
    handle, op = fan_in
    function = getattr(op.compute_fn, "decorated_fn", None)
    location = source_location(function) if function else None
    return TargetError(
        f"{what} Its op '{handle}' takes a list of outputs of steps that are mapped.",
        where=str(location) if location else None,
        details=f"Dagster: {error}",
        hint=(
            "Collect each of these outputs by itself after the map (a.collect(), b.collect()), "
            "or make the choice between the branches inside one op."
        ),
    )


def _mapped_fan_ins(
    graph: Any, prefix: str = "", *, mapped: bool = False
) -> Iterator[tuple[str, OpDefinition]]:
    """Ops in what is mapped that take several outputs as a plain list, by handle."""
    structure = graph.dependency_structure
    for node in graph.nodes_in_topological_order:
        inside = mapped or structure.is_dynamic_mapped(node.name)
        if not isinstance(node.definition, OpDefinition):
            yield from _mapped_fan_ins(node.definition, f"{prefix}{node.name}.", mapped=inside)
        elif inside and any(
            structure.has_deps(given) and structure.has_fan_in_deps(given)
            for given in node.inputs()
        ):
            yield f"{prefix}{node.name}", node.definition
