"""The job's graph with its fan-out, mapped ops and collecting ops replaced by batched ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from advisor.domain.errors import DynadviseError
from advisor.domain.workload import GraphNode, WorkloadDescription
from advisor.emit.source_text import WIDTH, dotted, identifier, quoted

_INDENT = "    "
# Names that the generated module uses itself.
_TAKEN = frozenset({
    "batch", "batched", "batches", "context", "definition", "job", "kept", "op", "original_job",
    "one_item", "collecting", "splitting", "in_batches", "in_order", "asyncio", "inspect", "math",
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
        configured: What takes config for the mapped nodes: those that declare it, and the mapped
            graphs whose config mapping makes that of their ops.
        unfolding: Whether there is such a graph.
        others: Nodes that are mapped over further fan-outs, which stay as they are, to the (node,
            dynamic output) of each.
        handed_out: Whether ``fan_out`` is a graph, which hands the items of an op inside it out.
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
    unfolding: bool = False
    others: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    handed_out: bool = False

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
    mapped = _mapped(nodes, (fan_out.name, dynamic_output))
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
    configured = tuple(
        dict.fromkeys(
            node.configured_by or name
            for name, node in mapped.items()
            if node.has_config or node.configured_by
        )
    )
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
        unfolding=any(node.configured_by for node in mapped.values()),
        others=_others(nodes, fan_out.name),
        handed_out=not fan_out.is_op,
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
    if not path or path[0] not in nodes or nodes[path[0]].is_op != (len(path) == 1):
        raise _refuse(
            f"the profile does not hold the graph that {'.'.join(path)} fans out in",
            "Profile the job again.",
        )
    depth = len(description.graph_path) + 1
    for op in (*(each.op for each in description.mapped), *description.collects):
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


def _mapped(nodes: dict[str, GraphNode], dynamic: tuple[str, str]) -> dict[str, GraphNode]:
    """Nodes that run once an item of a (node, dynamic output), in topological order."""
    mapped: dict[str, GraphNode] = {}
    for node in nodes.values():
        for wire in node.wires:
            if not wire.collected and any(
                source in mapped or (source, output) == dynamic for source, output in wire.sources
            ):
                mapped[node.name] = node
    return mapped


def _others(nodes: dict[str, GraphNode], fan_out: str) -> dict[str, tuple[str, str]]:
    """Nodes that are mapped over further fan-outs, to the (node, dynamic output) of each."""
    return {
        name: (node.name, output)
        for node in nodes.values()
        if node.name != fan_out
        for output in node.dynamic_outputs
        for name in _mapped(nodes, (node.name, output))
    }


def _check_mapped(description: WorkloadDescription, mapped: dict[str, GraphNode]) -> None:
    for node in mapped.values():
        if not node.is_op:
            raise _refuse(
                f"the profile does not hold the ops of {node.name}, a graph that is mapped",
                "Profile the job again.",
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
    mapping: tuple[str, str] | None = None  # the further fan-out whose items are at hand

    def lines(self) -> list[str]:
        plan, nodes = self.plan, self.nodes
        consumed = {s for node in nodes.values() for wire in node.wires for s in wire.sources}
        consumed.update(self.outputs.values())
        lines: list[str] = []
        for unit in in_order(nodes, plan.chain, plan.others):
            if unit is None:
                lines += self._mapping(used=not consumed.isdisjoint(plan.results.values()))
            elif isinstance(unit, tuple):
                lines += self._mapped_by_another(unit, consumed)
            else:
                lines += self._made(unit, consumed)
        return [*lines, *self._returned()] if plan.path else lines

    def _made(self, name: str, consumed: Collection[tuple[str, str]]) -> list[str]:
        maker = "kept"
        if name == self.plan.fan_out:
            maker = "splitting"
        elif name in self.plan.collecting and self.nodes[name].is_op:
            maker = "collecting"
        used = any(source == name for source, _ in consumed)
        target = f"{self.plan.variable(name)} = " if used else ""
        return _call(f"{target}{maker}", quoted(name), self._arguments(self.nodes[name]))

    def _mapped_by_another(
        self, dynamic: tuple[str, str], consumed: Collection[tuple[str, str]]
    ) -> list[str]:
        """The nodes mapped over a fan-out that stays as it is."""
        plan, nodes = self.plan, self.nodes
        members = {name: nodes[name] for name, source in plan.others.items() if source == dynamic}
        inside = replace(self, mapping=dynamic)
        function = f"for_each_of_{plan.variable(dynamic[0])}"
        lines = ["", f"def {function}(one_item):"]
        for name in members:
            made = inside._made(name, consumed)
            lines += [f"    {line}" for whole in made for line in whole.split("\n")]
        wires = [wire for name, n in nodes.items() if name not in members for wire in n.wires]
        outside = {source for wire in wires for source in wire.sources} | set(self.outputs.values())
        handed = [
            (name, output)
            for name, node in members.items()
            for output in node.outputs
            if (name, output) in outside
        ]
        values = ", ".join(inside._value(source) for source in handed)
        targets = ", ".join(self._value(source) for source in handed)
        lines += [f"    return {values}"] if handed else []
        target = f"{targets} = " if handed else ""
        return [*lines, "", f"{target}{self._value(dynamic)}.map({function})"]

    def _value(self, source: tuple[str, str], *, collected: bool = False) -> str:
        plan, (node, output) = self.plan, source
        if not node:
            return output
        if source == self.mapping and not collected:
            return "one_item"
        if node in plan.chain:
            text = plan.variable(plan.node)
            if len(plan.results) > 1:
                text += f"[{list(plan.results.values()).index(source)}]"
        elif plan.others.get(node) not in (None, self.mapping):
            text = plan.variable(node)
            text += f"_{output}" if len(self.nodes[node].outputs) > 1 else ""
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


def in_order(
    nodes: dict[str, GraphNode],
    mapped: Collection[str],
    others: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> list[str | tuple[str, str] | None]:
    """Nodes so that each stands after what it needs; None stands for the batched op.

    A tuple stands for all nodes that are mapped over a further fan-out.
    """
    waiting: dict[str | tuple[str, str] | None, set[str | tuple[str, str] | None]] = {}

    def unit(name: str) -> str | tuple[str, str] | None:
        return None if name in mapped else others.get(name, name)

    for node in sorted(nodes.values(), key=lambda node: node.name in mapped):
        sources = {source for wire in node.wires for source, _ in wire.sources if source}
        own = unit(node.name)
        waiting.setdefault(own, set()).update({unit(source) for source in sources} - {own})
    order: list[str | tuple[str, str] | None] = []
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
