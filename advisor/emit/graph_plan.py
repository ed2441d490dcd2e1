"""The job's graph with its fan-out, mapped ops and collecting ops replaced by batched ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from advisor.domain.errors import DynadviseError
from advisor.domain.workload import GraphNode, WorkloadDescription
from advisor.emit.source_text import WIDTH, dotted, identifier, quoted

_INDENT = "    "
# Names that the generated module uses itself.
_TAKEN = frozenset({
    "batch", "batched", "batches", "context", "definition", "job", "kept", "op", "original_job",
    "collecting", "splitting", "in_batches", "in_order", "asyncio", "inspect", "math",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class BatchedGraph:
    """What the batched job consists of.

    Attributes:
        fan_out: Node that fans out, and its dynamic output.
        chain: Mapped node to its inputs that change with the item: (node, output) each.
        fixed: Mapped node to its inputs that do not: the batched op's input for each.
        results: The batched op's output to the (node, output) whose values it lists.
        collecting: Node to its inputs that hold what was collected.
        configured: Mapped nodes that declare config.
        node: Name of the batched op in the graph.
        path: Nodes that lead from the job to the graph; empty: the job's own.
        inputs: The graph's own inputs.
        outputs: Names of the graph's own outputs.
        body: Statements of the batched graph.
    """

    fan_out: str
    dynamic_output: str
    chain: dict[str, dict[str, tuple[str, str]]]
    fixed: dict[str, dict[str, str]]
    results: dict[str, tuple[str, str]]
    collecting: dict[str, tuple[str, ...]]
    configured: tuple[str, ...]
    node: str
    path: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    body: tuple[str, ...] = ()

    @property
    def translated(self) -> bool:
        """Whether run config for the mapped ops has another place in the batched job."""
        return bool(self.configured) and self.configured != (self.node,)

    def variable(self, name: str) -> str:
        """The variable that holds what a node of the graph gives."""
        name = name.replace(".", "_")
        return f"{name}_node" if name in _TAKEN or name in self.inputs else name


def plan_batches(description: WorkloadDescription) -> BatchedGraph:
    """The batched graph of a job.

    Raises:
        DynadviseError: The job's shape cannot be batched automatically; the message says what
            stands in the way.
    """
    nodes = _nodes(description)
    fan_out = _fan_out(description, nodes)
    dynamic_output = fan_out.dynamic_outputs[0]
    mapped = _mapped(nodes, fan_out.name)
    _check_mapped(description, mapped)

    chain: dict[str, dict[str, tuple[str, str]]] = {}
    fixed: dict[str, dict[str, str]] = {}
    names = {"batch"}
    for node in mapped.values():
        wires = {wire.input: wire for wire in node.wires}
        moving = {
            name: wire.sources[0]
            for name, wire in wires.items()
            if not wire.collected
            and (wire.sources[0][0] in mapped or wire.sources[0] == (fan_out.name, dynamic_output))
        }
        chain[node.name] = moving
        fixed[node.name] = {}
        for name in node.inputs:
            if name in moving:
                continue
            unique = name if name not in names else f"{node.name}_{name}".replace(".", "_")
            names.add(unique)
            fixed[node.name][name] = unique

    results = _results(nodes, mapped)
    collecting = {
        node.name: tuple(
            wire.input
            for wire in node.wires
            if wire.collected and wire.sources[0][0] in {fan_out.name, *mapped}
        )
        for node in nodes.values()
        if node.name not in mapped
    }
    collecting = {name: inputs for name, inputs in collecting.items() if inputs}
    configured = tuple(name for name, node in mapped.items() if node.has_config)
    batched = "_and_".join(name.replace(".", "_") for name in mapped)
    if len(configured) == 1 and "." not in configured[0]:
        batched = configured[0]
    plan = BatchedGraph(
        fan_out=fan_out.name,
        dynamic_output=dynamic_output,
        chain=chain,
        fixed=fixed,
        results=results,
        collecting=collecting,
        configured=configured,
        node=batched,
        path=description.graph_path,
        inputs=description.graph_inputs,
        outputs=tuple(description.graph_outputs),
    )
    for output, (source, name) in description.graph_outputs.items():
        if source in mapped or (source, name) == (fan_out.name, dynamic_output):
            raise _refuse(
                f"{'.'.join(description.graph_path)} hands its items on one by one ({output})",
                "Map the ops over them inside this graph too, or collect them there.",
            )
    return replace(plan, body=tuple(_Body(plan, nodes, description.graph_outputs).lines()))


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
    if len(path) != 1 or path[0] not in nodes:
        raise _refuse(
            f"{'.'.join(path)} fans out inside a graph that hands the items on",
            "Move the fan-out op beside the ops that are mapped over its items.",
        )
    fanning = [node.name for node in nodes.values() if node.dynamic_outputs]
    if len(fanning) > 1:
        raise _refuse(
            f"several ops fan out ({', '.join(fanning)})",
            "Split it into jobs with one fan-out each, and batch these.",
        )
    node = nodes[path[0]]
    if len(node.dynamic_outputs) != 1:
        raise _refuse(f"{node.name} has several dynamic outputs", "Give each an op of its own.")
    return node


def _mapped(nodes: dict[str, GraphNode], fan_out: str) -> dict[str, GraphNode]:
    """Nodes that run once an item, in topological order."""
    dynamic = set(nodes[fan_out].dynamic_outputs)
    mapped: dict[str, GraphNode] = {}
    for node in nodes.values():
        for wire in node.wires:
            if not wire.collected and any(
                source in mapped or (source == fan_out and output in dynamic)
                for source, output in wire.sources
            ):
                mapped[node.name] = node
    return mapped


def _check_mapped(description: WorkloadDescription, mapped: dict[str, GraphNode]) -> None:
    for node in mapped.values():
        if not node.is_op:
            raise _refuse(
                f"{node.name}, mapped over the dynamic output, is a graph with a config mapping",
                "Map its ops one after another, or give the graph no config mapping.",
            )
        for wire in node.wires:
            if len(wire.sources) > 1:
                raise _refuse(
                    f"the input {wire.input} of {node.name} is a list of several ops' outputs",
                    "Give each of them an input of its own.",
                )
    for op in description.mapped:
        own = [key for key in op.io_manager_keys if key != "io_manager"]
        if own:
            raise _refuse(
                f"{op.op.name} stores its outputs with an IO manager of its own ({own[0]}),"
                " which would be handed lists of items",
                "Let the op store its result itself, or return it through the job's IO manager.",
            )


def _results(
    nodes: dict[str, GraphNode], mapped: dict[str, GraphNode]
) -> dict[str, tuple[str, str]]:
    inside = {s for node in mapped.values() for wire in node.wires for s in wire.sources}
    outside = {
        s
        for node in nodes.values()
        if node.name not in mapped
        for wire in node.wires
        for s in wire.sources
    }
    kept = [
        (name, output)
        for name, node in mapped.items()
        for output in node.outputs
        if (name, output) in outside or (name, output) not in inside
    ]
    if len(kept) == 1:
        return {kept[0][1]: kept[0]}
    if len({name for name, _ in kept}) == 1:
        return {output: (name, output) for name, output in kept}
    return {f"{name}_{output}".replace(".", "_"): (name, output) for name, output in kept}


@dataclass(frozen=True, slots=True)
class _Body:
    """Writes the statements that wire the batched graph; a node's variable is named after it."""

    plan: BatchedGraph
    nodes: dict[str, GraphNode]
    outputs: Mapping[str, tuple[str, str]]

    def lines(self) -> list[str]:
        plan, nodes = self.plan, self.nodes
        consumed = {s for node in nodes.values() for wire in node.wires for s in wire.sources}
        consumed.update(self.outputs.values())
        lines: list[str] = []
        for name in in_order(nodes, plan.chain):
            if name is None:
                lines += self._mapping(used=not consumed.isdisjoint(plan.results.values()))
                continue
            maker = "kept"
            if name == plan.fan_out:
                maker = "splitting"
            elif name in plan.collecting and nodes[name].is_op:
                maker = "collecting"
            used = any(source == name for source, _ in consumed)
            target = f"{plan.variable(name)} = " if used else ""
            lines += _call(f"{target}{maker}", quoted(name), self._arguments(nodes[name]))
        return [*lines, *self._returned()] if plan.path else lines

    def _value(self, source: tuple[str, str], *, collected: bool = False) -> str:
        plan, (node, output) = self.plan, source
        if not node:
            return output
        if node in plan.chain:
            text = plan.variable(plan.node)
            if len(plan.results) > 1:
                text += f"[{list(plan.results.values()).index(source)}]"
        else:
            text = plan.variable(node)
            text += f".{output}" if len(self.nodes[node].outputs) > 1 else ""
        return f"{text}.collect()" if collected else text

    def _arguments(self, node: GraphNode) -> list[str]:
        found = []
        for wire in node.wires:
            values = [self._value(source, collected=wire.collected) for source in wire.sources]
            joined = "".join(f"\n            {text}," for text in values)
            given = values[0] if len(values) == 1 else f"[{joined}\n        ]"
            if not node.is_op and wire.input in self.plan.collecting.get(node.name, ()):
                name = quoted(f"{node.name}_{wire.input}_in_order")
                given = f"in_order({name})(\n            {values[0]}\n        )"
            found.append(f"{wire.input}={given}")
        return found

    def _mapping(self, *, used: bool) -> list[str]:
        plan = self.plan
        lines = ["", "def in_one_step(batch):", "    return batching()(", "        batch=batch,"]
        for node, inputs in plan.fixed.items():
            wires = {wire.input: wire for wire in self.nodes[node].wires}
            for name, batched_name in inputs.items():
                if name in wires:
                    wire = wires[name]
                    given = self._value(wire.sources[0], collected=wire.collected)
                    lines.append(f"        {batched_name}={given},")
        source = self._value((plan.fan_out, plan.dynamic_output))
        target = f"{plan.variable(plan.node)} = " if used else ""
        mapping = [f"{target}{source}.map(in_one_step)"]
        if len(_INDENT + mapping[0]) > WIDTH:
            mapping = [f"{target}{source}.map(", "    in_one_step", ")"]
        return [*lines, "    )", "", *mapping]

    def _returned(self) -> list[str]:
        values = {name: self._value(source) for name, source in self.outputs.items()}
        if not values:
            return []
        return ["return {", *(f"    {quoted(n)}: {text}," for n, text in values.items()), "}"]


def in_order(nodes: dict[str, GraphNode], mapped: Collection[str]) -> list[str | None]:
    """Nodes so that each stands after what it needs; None stands for the batched op."""

    def needs(node: GraphNode) -> set[str | None]:
        sources = {source for wire in node.wires for source, _ in wire.sources}
        return {None if source in mapped else source for source in sources if source}

    waiting: dict[str | None, set[str | None]] = {
        name: needs(node) for name, node in nodes.items() if name not in mapped
    }
    waiting[None] = set().union(*(needs(nodes[name]) for name in mapped)) - {None}
    order: list[str | None] = []
    while waiting:
        ready = next((name for name, needed in waiting.items() if needed <= set(order)), ...)
        if ready is ...:
            raise _refuse(
                "an input of a mapped op is computed from the collected results of another",
                "Split it into two jobs, or into two fan-outs.",
            )
        order.append(ready)
        del waiting[ready]
    return order


def _call(maker: str, name: str, arguments: list[str]) -> list[str]:
    opening = [f"{maker}({name})("]
    if len(opening[0]) + 4 + (not arguments) > WIDTH:
        opening = [f"{maker}(", f"    {name}", ")("]
    if not arguments:
        return [*opening[:-1], opening[-1] + ")"]
    return [*opening, *(f"    {argument}," for argument in arguments), ")"]
