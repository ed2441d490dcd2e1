"""Which ops of a job's graph the batched job replaces, and how they hang together."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from advisor.domain.errors import DynadviseError
from advisor.domain.graph import GraphNode
from advisor.domain.workload import WorkloadDescription
from advisor.emit.source_text import dotted, identifier

Source = tuple[str, str]  # (node, output); ("", name): an input of the graph itself


@dataclass(frozen=True, slots=True)
class BatchedGraph:
    """What the batched job consists of; the fields of the emitted ``BatchPlan`` and more.

    Attributes:
        fan_out: Node that fans out, and its dynamic output.
        chain: Mapped node to its inputs that change with the item: (node, output) each.
        fixed: Mapped node to its inputs that do not: the batched op's input for each.
        sources: Where each of those inputs of the batched op comes from; one without a source is
            given by run config, or left to its default.
        results: The batched op's output to the (node, output) whose values it lists.
        collected: Node to its inputs that hold what was collected: the result that each lists,
            empty for the items themselves.
        configured: Mapped nodes that take config.
        path: Nodes that lead from the job to the graph; empty: the job's own.
    """

    fan_out: Source
    chain: dict[str, dict[str, Source]]
    fixed: dict[str, dict[str, str]]
    sources: dict[str, Source]
    results: dict[str, Source]
    collected: dict[str, dict[str, str]]
    configured: tuple[str, ...]
    batched: str
    path: tuple[str, ...] = ()


def plan_batches(description: WorkloadDescription) -> BatchedGraph:
    """The batched graph of a job.

    Raises:
        DynadviseError: The job's shape cannot be batched automatically; the message says what
            stands in the way.
    """
    nodes = _nodes(description)
    node = _fan_out(description, nodes)
    fan_out = (node.name, node.dynamic_outputs[0])
    mapped = _mapped(nodes, fan_out)
    _check_mapped(description, mapped)
    check_functions([node, *mapped.values()])
    for output, source in description.graph_outputs.items():
        if source[0] in mapped or source == fan_out:
            raise _refuse(
                f"{'.'.join(description.graph_path)} hands its items on one by one ({output})",
                "Map the ops over them inside this graph too, or collect them there.",
            )
    in_order(nodes, mapped)
    chain = {
        node.name: {
            wire.input: wire.sources[0]
            for wire in node.wires
            if not wire.collected and (wire.sources[0][0] in mapped or wire.sources[0] == fan_out)
        }
        for node in mapped.values()
    }
    fixed = _fixed(mapped, chain)
    results = _results(nodes, mapped)
    collected = _collected(nodes, mapped, fan_out, results)
    check_functions([nodes[name] for name in collected if nodes[name].is_op])
    configured = tuple(name for name, node in mapped.items() if node.has_config)
    batched = "_and_".join(name.replace(".", "_") for name in mapped)
    if len(configured) == 1 and "." not in configured[0]:
        batched = configured[0]
    return BatchedGraph(
        fan_out=fan_out,
        chain=chain,
        fixed=fixed,
        sources={
            origin: wire.sources[0]
            for name, inputs in fixed.items()
            for wire in mapped[name].wires
            for own, origin in inputs.items()
            if own == wire.input
        },
        results=results,
        collected=collected,
        configured=configured,
        batched=batched,
        path=description.graph_path,
    )


def _fixed(
    mapped: dict[str, GraphNode], chain: dict[str, dict[str, Source]]
) -> dict[str, dict[str, str]]:
    """Names on the batched op for the inputs that do not change with the item."""
    fixed: dict[str, dict[str, str]] = {}
    names = {"batch"}
    for node in mapped.values():
        fixed[node.name] = {}
        for name in node.inputs:
            if name not in chain[node.name]:
                free = name if name not in names else f"{node.name}_{name}".replace(".", "_")
                names.add(free)
                fixed[node.name][name] = free
    return fixed


def _collected(
    nodes: dict[str, GraphNode],
    mapped: dict[str, GraphNode],
    fan_out: Source,
    results: dict[str, Source],
) -> dict[str, dict[str, str]]:
    names = {source: name for name, source in results.items()} | {fan_out: ""}
    lists = {
        node.name: {
            wire.input: names[wire.sources[0]]
            for wire in node.wires
            if wire.collected and wire.sources[0] in names
        }
        for node in nodes.values()
        if node.name not in mapped
    }
    return {name: inputs for name, inputs in lists.items() if inputs}


def check_functions(nodes: Iterable[GraphNode]) -> None:
    """Refuse ops whose functions cannot be called by themselves.

    Raises:
        DynadviseError: One was not made by ``@op`` on a function, or takes a resource that only
            a step of its own is given.
    """
    for node in nodes:
        if node.is_op and not node.is_function:
            raise DynadviseError(
                f"{node.name} is not made by @op on a function: Dagster gives no function of it"
                " that other code could call.",
                hint="Use an op made by @op there. For one made by configured(...), use the op that"
                " it configures, and give its config in run config.",
            )
        if node.attached_resource:
            name = node.attached_resource
            raise DynadviseError(
                f"{node.name} takes the resource {name} as a parameter, which Dagster gives to a"
                " step of the op alone.",
                hint=f"Let it take context.resources.{name}, which is another object, with"
                f' @op(required_resource_keys={{"{name}"}}).',
            )


def _refuse(what: str, hint: str) -> DynadviseError:
    return DynadviseError(f"This job cannot be batched automatically: {what}.", hint=hint)


def _nodes(description: WorkloadDescription) -> dict[str, GraphNode]:
    if not description.graph:
        raise _refuse(
            f"the profile does not hold the graph of {description.target.spelled}",
            "Profile the job again.",
        )
    for node in description.graph:
        dotted(node.name, "An op of the job")
        for name in (*node.inputs, *node.outputs):
            identifier(name, f"An input or output of {node.name}")
    return {node.name: node for node in description.graph}


def _fan_out(description: WorkloadDescription, nodes: dict[str, GraphNode]) -> GraphNode:
    if description.fan_out is None:
        raise _refuse("nothing fans out in it", "Give a job with a dynamic output as the target.")
    path = description.fan_out.node_path[len(description.graph_path) :]
    if not path or path[0] not in nodes or nodes[path[0]].is_op != (len(path) == 1):
        raise _refuse(
            f"the profile does not hold the graph that {'.'.join(path)} fans out in",
            "Profile the job again.",
        )
    depth = len(description.graph_path) + 1
    for op in (*(each.reference for each in description.mapped), *description.collects):
        if len(path) > 1 and op.node_path[:depth] == description.fan_out.node_path[:depth]:
            raise _refuse(
                f"the graph {path[0]} hands the items of {path[-1]} out, and {op.name} inside it"
                " takes them too",
                f"Let {path[0]} only fan out, and move {op.name} beside the ops outside it.",
            )
    node = nodes[path[0]]
    if len(node.dynamic_outputs) != 1:
        raise _refuse(f"{node.name} has several dynamic outputs", "Give each an op of its own.")
    return node


def _mapped(nodes: dict[str, GraphNode], dynamic: Source) -> dict[str, GraphNode]:
    """Nodes that run once an item of a (node, dynamic output), in topological order."""
    mapped: dict[str, GraphNode] = {}
    for node in nodes.values():
        for wire in node.wires:
            if not wire.collected and any(
                source in mapped or (source, output) == dynamic for source, output in wire.sources
            ):
                mapped[node.name] = node
    return mapped


def _check_mapped(description: WorkloadDescription, mapped: dict[str, GraphNode]) -> None:
    for node in mapped.values():
        if node.configured_by:
            raise _refuse(
                f"{node.configured_by}, a graph that is mapped, makes the config of {node.name} by"
                " a config mapping, which Dagster evaluates for steps alone",
                f"Leave the config mapping of {node.configured_by} out, and give the config of its"
                " ops in run config.",
            )
        if not node.is_op:
            raise _refuse(
                f"the profile does not hold the ops of {node.name}, a graph that is mapped",
                "Profile the job again.",
            )
        for wire in node.wires:
            if len(wire.sources) != 1:
                several = "a list of several ops' outputs" if wire.sources else "an empty list"
                raise _refuse(
                    f"the input {wire.input} of {node.name} is {several}",
                    "Give each of them an input of its own, or the input a default.",
                )
    for op in description.mapped:
        own = [key for key in op.io_manager_keys if key != "io_manager"]
        if own:
            raise _refuse(
                f"{op.name} stores its outputs with an IO manager of its own ({own[0]}),"
                " which would be handed lists of items",
                "Let the op store its result itself, or return it through the job's IO manager.",
            )


def _results(nodes: dict[str, GraphNode], mapped: dict[str, GraphNode]) -> dict[str, Source]:
    inside = {source for node in mapped.values() for source in node.sources}
    others = [node for node in nodes.values() if node.name not in mapped]
    outside = {source for node in others for source in node.sources}
    outputs = [
        (name, output)
        for name, node in mapped.items()
        for output in node.outputs
        if (name, output) in outside or (name, output) not in inside
    ]
    if len(outputs) == 1:
        return {outputs[0][1]: outputs[0]}
    if len({name for name, _ in outputs}) == 1:
        return {output: (name, output) for name, output in outputs}
    return {f"{name}_{output}".replace(".", "_"): (name, output) for name, output in outputs}


def in_order(nodes: dict[str, GraphNode], mapped: Collection[str]) -> list[str | None]:
    """Nodes so that each stands after what it needs; None stands for the batched op.

    Raises:
        DynadviseError: The batched op needs what comes of its own results.
    """
    needs: dict[str | None, set[str | None]] = {}
    for node in sorted(nodes.values(), key=lambda node: node.name in mapped):
        sources = {source for source, _ in node.sources if source}
        own = None if node.name in mapped else node.name
        units = {None if source in mapped else source for source in sources} - {own}
        needs.setdefault(own, set()).update(units)
    order: list[str | None] = []
    while needs:
        ready = next((name for name, needed in needs.items() if needed <= set(order)), ...)
        if ready is ...:
            raise _refuse(
                "an input of a mapped op is computed from the collected results of another",
                "Split it into two jobs, or into two fan-outs.",
            )
        order.append(ready)
        del needs[ready]
    return order
