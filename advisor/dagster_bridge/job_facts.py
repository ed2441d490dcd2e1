"""What the static rules and the emitted code need of a job, beyond its description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.domain.workload import GraphNode, Wire

if TYPE_CHECKING:
    from dagster import GraphDefinition, OpDefinition


def graph_nodes(graph: GraphDefinition) -> tuple[GraphNode, ...]:
    """Nodes of a graph's top level, in topological order, with what each of their inputs gets."""
    from dagster import OpDefinition

    structure = graph.dependency_structure
    nodes = []
    for node in graph.nodes_in_topological_order:
        wires = []
        for node_input in node.inputs():
            if not structure.has_deps(node_input):
                continue
            collected = structure.has_dynamic_fan_in_dep(node_input)
            handles = structure.get_deps_list(node_input)
            sources = tuple((handle.node_name, handle.output_name) for handle in handles)
            wires.append(Wire(node_input.input_name, sources, collected))
        outputs = node.output_dict
        definition = node.definition
        is_op = isinstance(definition, OpDefinition)
        nodes.append(
            GraphNode(
                name=node.name,
                wires=tuple(wires),
                inputs=tuple(node.input_dict),
                outputs=tuple(outputs),
                dynamic_outputs=tuple(name for name, out in outputs.items() if out.is_dynamic),
                is_op=is_op,
                has_config=isinstance(definition, OpDefinition) and _has_config(definition),
            )
        )
    return tuple(nodes)


def _has_config(definition: OpDefinition) -> bool:
    """Whether the op declares config; one that does not accepts any, and seldom reads it."""
    field = definition.config_field
    return field is not None and field.config_type.kind.name != "ANY"
