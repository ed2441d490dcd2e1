"""The shape of the graph that fans out: its nodes, how they are wired, what is mapped."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from inspect import isclass
from typing import get_type_hints

from dagster import GraphDefinition, IAttachDifferentObjectToOpContext, OpDefinition

from advisor.dagster_bridge.private import Node, compute_function
from advisor.domain.graph import GraphNode, Wire


def graph_that_fans_out(
    graph: GraphDefinition, handles: Iterable[str]
) -> tuple[GraphDefinition, tuple[str, ...]]:
    """The innermost graph that has all ops with these handles, and the path of nodes to it."""
    path: list[str] = []
    for names in zip(*(handle.split(".")[:-1] for handle in handles), strict=False):
        if len(set(names)) > 1:
            break
        path.append(names[0])
        inner = graph.node_named(names[0]).definition
        assert isinstance(inner, GraphDefinition)
        graph = inner
    return graph, tuple(path)


def graph_outputs(graph: GraphDefinition) -> dict[str, tuple[str, str]]:
    """Output of the graph to the (node, output) that it hands on."""
    return {
        mapping.graph_output_name: (mapping.maps_from.node_name, mapping.maps_from.output_name)
        for mapping in graph.output_mappings
    }


def graph_nodes(
    graph: GraphDefinition, mapped: Collection[str] | None = None
) -> tuple[GraphNode, ...]:
    """Nodes of a graph, in topological order, with what each of their inputs gets.

    A graph that is mapped is taken apart into its ops.

    Args:
        mapped: Its nodes that are mapped over the fan-out that matters; None: over any.
    """
    nodes: list[GraphNode] = []
    replaced: dict[tuple[str, str], tuple[str, str]] = {}
    structure = graph.dependency_structure
    for node in graph.nodes_in_topological_order:
        wires = _wires(graph, node, replaced)
        is_mapped = structure.is_dynamic_mapped(node.name) and (
            mapped is None or node.name in mapped
        )
        if is_mapped and isinstance(node.definition, GraphDefinition):
            inner, outputs = _taken_apart(node, wires, f"{node.name}.")
            nodes += inner
            replaced.update({(node.name, name): source for name, source in outputs.items()})
        else:
            nodes.append(_graph_node(node, wires, node.name))
    return tuple(nodes)


def _taken_apart(
    node: Node, incoming: tuple[Wire, ...], prefix: str, configured_by: str = ""
) -> tuple[list[GraphNode], dict[str, tuple[str, str]]]:
    """The ops of a graph's node, and for each output of the graph where it comes from."""
    graph = node.definition
    assert isinstance(graph, GraphDefinition)
    if graph.config_mapping is not None:
        configured_by = configured_by or prefix.removesuffix(".")
    sources_of = {wire.input: wire.sources for wire in incoming}
    nodes: list[GraphNode] = []
    outputs_of: dict[tuple[str, str], tuple[str, str]] = {}
    for inner in graph.nodes_in_topological_order:
        wires = []
        for wire in _wires(graph, inner, outputs_of, prefix):
            sources = tuple(
                source
                for each in wire.sources
                for source in (sources_of.get(each[1], ()) if each[0] == "" else (each,))
            )
            if sources:
                wires.append(Wire(wire.input, sources, wire.collected))
        name = prefix + inner.name
        if isinstance(inner.definition, OpDefinition):
            made_of = _graph_node(inner, tuple(wires), name)
            nodes.append(replace(made_of, configured_by=configured_by))
        else:
            parts, outputs = _taken_apart(inner, tuple(wires), f"{name}.", configured_by)
            nodes += parts
            outputs_of.update({(name, output): source for output, source in outputs.items()})
    outputs = {
        output: outputs_of.get((prefix + source, name), (prefix + source, name))
        for output, (source, name) in graph_outputs(graph).items()
    }
    return nodes, outputs


def _wires(
    graph: GraphDefinition,
    node: Node,
    replaced: Mapping[tuple[str, str], tuple[str, str]],
    prefix: str = "",
) -> tuple[Wire, ...]:
    """What the inputs of a node of the graph get; names of nodes get the prefix."""
    structure = graph.dependency_structure
    wires = []
    for node_input in node.inputs():
        name = node_input.input_name
        if structure.has_deps(node_input):
            handles = structure.get_deps_list(node_input)
            inner = [(prefix + handle.node_name, handle.output_name) for handle in handles]
            sources = tuple(replaced.get(source, source) for source in inner)
            wires.append(Wire(name, sources, structure.has_dynamic_fan_in_dep(node_input)))
            continue
        own = tuple(
            ("", mapping.graph_input_name)
            for mapping in graph.input_mappings
            if mapping.maps_to.node_name == node.name and mapping.maps_to.input_name == name
        )
        if own:
            wires.append(Wire(name, own))
    return tuple(wires)


def _graph_node(node: Node, wires: tuple[Wire, ...], name: str) -> GraphNode:
    outputs = node.output_dict
    definition = node.definition
    return GraphNode(
        name=name,
        wires=wires,
        inputs=tuple(node.input_dict),
        outputs=tuple(outputs),
        dynamic_outputs=tuple(name for name, out in outputs.items() if out.is_dynamic),
        is_op=isinstance(definition, OpDefinition),
        has_config=isinstance(definition, OpDefinition) and has_config(definition),
        is_function=hasattr(definition, "__wrapped__"),
        attached_resource=_attached_resource(definition),
    )


def _attached_resource(definition: object) -> str:
    """The op's first parameter of a resource that attaches another object to the op's context."""
    function = getattr(definition, "__wrapped__", None)
    kinds = getattr(function, "__annotations__", {})
    if isinstance(definition, OpDefinition) and any(isinstance(k, str) for k in kinds.values()):
        try:
            kinds = get_type_hints(function)
        except (NameError, TypeError, AttributeError):
            kinds = {}
    keys = getattr(definition, "required_resource_keys", ())
    attaching = (
        name
        for name, kind in kinds.items()
        if name in keys and isclass(kind) and issubclass(kind, IAttachDifferentObjectToOpContext)
    )
    return next(attaching, "")


def has_config(definition: OpDefinition) -> bool:
    """Whether the op declares config, or reads it undeclared, or has it fixed by ``configured``.

    An op that declares none accepts any.
    """
    field = definition.config_field
    if field is not None and field.config_type.kind.name != "ANY":
        return True
    code = getattr(compute_function(definition), "__code__", None)
    return (
        "op_config" in getattr(code, "co_names", ())
        or getattr(definition.compute_fn, "has_config_arg", lambda: False)()
    )
