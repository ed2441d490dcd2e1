"""The short form of a batched job, for a job whose ops are plain functions."""

import keyword
from collections.abc import Iterable
from dataclasses import dataclass

from advisor.domain.graph import GraphNode
from advisor.domain.workload import WorkerKind, WorkloadDescription
from advisor.emit.graph_plan import BatchedGraph, in_order
from advisor.emit.imports import from_import, user_module
from advisor.emit.source_text import WIDTH, quoted

_INDENT = "    "
# What the module calls by name in its functions: nothing of the user's may stand in front of it.
GLOBAL_NAMES = frozenset({
    "BATCH_SIZE", "DESCRIPTION", "DynamicOut", "DynamicOutput", "EXECUTOR_CONFIG", "Exception",
    "Failure", "PRELOADED", "Permissive", "ProcessPoolExecutor", "ThreadPoolExecutor", "WORKERS",
    "advised_executor", "enumerate", "format_exception", "in_process_executor", "in_order",
    "itertools", "job", "len", "list", "math", "multiprocess_executor", "multiprocessing", "op",
    "random", "range", "run_item", "sorted", "type", "zip",
})  # fmt: skip
LOCAL_NAMES = frozenset({
    "batch", "batches", "count", "dealer", "error", "failed", "future", "futures", "item", "items",
    "key", "named", "number", "output", "outputs", "place", "pool", "processes", "result",
    "results", "rounds", "shown", "value", "why",
})  # fmt: skip
BATCHED_ON = {"thread": "on_threads", "process": "in_processes", None: "in_batches"}
"""Ends the name of the op that runs a batch, by what its items run on."""
_OF_THE_JOB = frozenset({"batch", "items", "one_step", "results"})


@dataclass(frozen=True, slots=True)
class PlainForm:
    """Names and lines of the short form, for ``templates/plain_batch.py.j2``.

    Attributes:
        functions: Lines that take the functions from their ops.
        fan_out_head: ``def`` line of the op that fans out; ``fan_out_call``: its first statement.
        batch_head: ``def`` line of the op that runs the items of a step.
        run_item: Lines of the function that runs all mapped ops on an item; empty without one.
        submit: Statement that hands the items to the workers.
        call: Statement that runs one item where there are no workers.
        collecting: One entry a collecting op: its name as a literal, ``def`` line and statement.
        imports: Lines that import what it needs of the user's.
        reading: Lines that read the items of a bare op or function; empty for a job.
    """

    functions: str
    fan_out_head: str
    fan_out_call: str
    batch_head: str
    run_item: str
    submit: str
    call: str
    collecting: tuple[tuple[str, str, str], ...]
    body: str
    imports: str
    reading: str = ""


def plain_form(
    description: WorkloadDescription,
    plan: BatchedGraph,
    *,
    one_step: bool,
    kind: WorkerKind | None,
) -> PlainForm | None:
    """The short form; None where the job is not plain enough for it.

    Args:
        one_step: All items in one step, so that nothing of the new job is dynamic.
        kind: What runs the items of a step, None for one after another.
    """
    nodes = {node.name: node for node in description.graph}
    if not _is_plain(plan, nodes, one_step=one_step):
        return None
    writer = _Writer(plan, nodes, one_step=one_step, kind=kind)
    if writer.fixed and kind == "process":
        return None  # they would be pickled once an item
    form = writer.form(user_module(description))
    return form if writer.names_are_apart(f"{description.job_name}_batched") else None


def _is_plain(plan: BatchedGraph, nodes: dict[str, GraphNode], *, one_step: bool) -> bool:
    replaced = [plan.fan_out[0], *plan.chain, *(() if one_step else plan.collected)]
    results = set(plan.results.values())
    collected = [
        (name, source)
        for name, node in nodes.items()
        for wire in node.wires
        if wire.collected
        for source in wire.sources
    ]
    return (
        all(node.is_op and _is_name(node.variable) for node in nodes.values())
        and all(nodes[name].is_plain for name in replaced)
        and len(results) == 1
        and sum(len(node.dynamic_outputs) for node in nodes.values()) == 1
        and all(name not in plan.chain and source in results for name, source in collected)
        and (one_step or all(nodes[name].outputs == ("result",) for name in plan.collected))
    )


def _is_name(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


class _Writer:
    """Writes the parts of one module."""

    def __init__(
        self,
        plan: BatchedGraph,
        nodes: dict[str, GraphNode],
        *,
        one_step: bool,
        kind: WorkerKind | None,
    ) -> None:
        self.plan, self.nodes, self.one_step = plan, nodes, one_step
        self.fixed = [value for inputs in plan.fixed.values() for value in inputs.values()]
        first, last = next(iter(plan.chain)), list(plan.chain)[-1]
        chained = first if first == last else f"{first}_to_{last}"
        self.separate = len(plan.chain) > 1 or kind == "process"
        self.splitting = f"{plan.fan_out[0]}_in_{'one_list' if one_step else 'batches'}"
        self.batching = f"{chained}_{BATCHED_ON[kind]}"
        self.collecting = () if one_step else tuple(plan.collected)

    def form(self, module: str) -> PlainForm:
        fan_out = self.nodes[self.plan.fan_out[0]]
        replaced = [fan_out.name, *self.plan.chain, *self.collecting]
        variables = dict.fromkeys(self.nodes[name].variable for name in replaced)
        callee, arguments = self._call_of_an_item()
        return PlainForm(
            functions="\n".join(
                _assigned(f"call_{name}", f"{name}.__wrapped__") for name in variables
            ),
            fan_out_head=_statement(0, f"def {self.splitting}(", fan_out.inputs, "):"),
            fan_out_call=_statement(
                1,
                f"outputs = {self._function(fan_out.name)}(",
                [f"{name}={name}" for name in fan_out.inputs],
            ),
            batch_head=_statement(0, f"def {self.batching}(", ["items", *self.fixed], "):"),
            run_item=self._run_item() if self.separate else "",
            submit=submitted(callee, arguments, one_step=self.one_step),
            call=_statement(3, f"result = {callee}(", arguments),
            collecting=tuple(map(self._collecting, self.collecting)),
            body="\n".join(self._body()),
            imports=from_import(module, sorted({node.variable for node in self.nodes.values()})),
        )

    def names_are_apart(self, job: str) -> bool:
        """Whether no name that the module makes or takes over hides another that is needed."""
        variables = {node.variable for node in self.nodes.values()}
        functions = {f"call_{variable}" for variable in variables}
        names = [
            job,
            self.splitting,
            self.batching,
            *functions,
            *(f"{name}_in_order" for name in self.plan.collected),
            *(f"{name}_result" for name in self.plan.chain),
            *(f"{name}_value" for name in self.nodes),
        ]
        with_inputs = (self.plan.fan_out[0], *self.collecting)
        inputs = {name for node in with_inputs for name in self.nodes[node].inputs}
        return (
            len(set(names)) == len(names)
            and variables.isdisjoint({*names, *GLOBAL_NAMES, *_OF_THE_JOB})
            and set(names).isdisjoint(GLOBAL_NAMES | LOCAL_NAMES | _OF_THE_JOB)
            and inputs.isdisjoint({*names, *GLOBAL_NAMES})
            and set(self.fixed).isdisjoint({*names, *GLOBAL_NAMES, *LOCAL_NAMES})
            and all(map(_is_name, {*names, *inputs, *self.fixed}))
        )

    def _function(self, node: str) -> str:
        return f"call_{self.nodes[node].variable}"

    def _arguments(self, node: str) -> list[str]:
        """What a mapped op is called with, where an item's values are at hand."""
        plan = self.plan
        moving = [
            f"{name}={'value' if source == plan.fan_out else f'{source[0]}_result'}"
            for name, source in plan.chain[node].items()
        ]
        return moving + [f"{name}={value}" for name, value in plan.fixed[node].items()]

    def _call_of_an_item(self) -> tuple[str, list[str]]:
        if self.separate:
            return "run_item", ["value", *self.fixed]
        (name,) = self.plan.chain
        return self._function(name), self._arguments(name)

    def _run_item(self) -> str:
        *before, last = self.plan.chain
        lines = [_statement(0, "def run_item(", ["value", *self.fixed], "):")]
        lines.append(f'{_INDENT}"""What your op{"s make" if before else " makes"} of one item."""')
        lines += [
            _statement(1, f"{name}_result = {self._function(name)}(", self._arguments(name))
            for name in before
        ]
        return "\n".join(
            [*lines, _statement(1, f"return {self._function(last)}(", self._arguments(last))]
        )

    def _collecting(self, name: str) -> tuple[str, str, str]:
        inputs = self.nodes[name].inputs
        collected = self.plan.collected[name]
        arguments = [
            f"{own}=in_order({own})" if own in collected else f"{own}={own}" for own in inputs
        ]
        return (
            quoted(name),
            _statement(0, f"def {name}_in_order(", inputs, "):"),
            _statement(1, f"return {self._function(name)}(", arguments),
        )

    def _body(self) -> list[str]:
        """Statements of the job."""
        plan, nodes = self.plan, self.nodes
        taken = [(name, source) for name, node in nodes.items() for source in node.sources]
        results = plan.results.values()
        used = any(name not in plan.chain and source in results for name, source in taken)
        consumed = {node for _, (node, _) in taken}
        lines: list[str] = []
        for name in in_order(nodes, plan.chain):
            if name is None:
                lines += self._batched("results = " if used else "")
                continue
            if name == plan.fan_out[0]:
                target, callee = "items = ", self.splitting
            else:
                target = f"{name}_value = " if name in consumed else ""
                callee = self._callee(name)
            lines.append(_statement(1, f"{target}{callee}(", self._wired(nodes[name])))
        return lines

    def _callee(self, name: str) -> str:
        if name in self.collecting:
            return f"{name}_in_order"
        variable = self.nodes[name].variable
        return variable if variable == name else f"{variable}.alias({quoted(name)})"

    def _wired(self, node: GraphNode) -> list[str]:
        arguments = []
        for wire in node.wires:
            values = [self._value(source, wire.collected) for source in wire.sources]
            joined = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
            arguments.append(f"{wire.input}={joined}")
        return arguments

    def _value(self, source: tuple[str, str], collected: bool) -> str:
        node, output = source
        if source in self.plan.results.values():
            return "results.collect()" if collected and not self.one_step else "results"
        several = len(self.nodes[node].outputs) > 1
        return f"{node}_value.{output}" if several else f"{node}_value"

    def _batched(self, target: str) -> list[str]:
        arguments = []
        for name, inputs in self.plan.fixed.items():
            wires = {wire.input: wire for wire in self.nodes[name].wires}
            arguments += [
                f"{own}={self._value(wires[name].sources[0], collected=False)}"
                for name, own in inputs.items()
            ]
        if self.one_step:
            return [_statement(1, f"{target}{self.batching}(", ["items=items", *arguments])]
        if not arguments:
            return [_statement(1, f"{target}items.map(", [self.batching])]
        return [
            "",
            f"{_INDENT}def one_step(batch):",
            _statement(2, f"return {self.batching}(", ["items=batch", *arguments]),
            "",
            f"{_INDENT}{target}items.map(one_step)",
        ]


def submitted(callee: str, arguments: Iterable[str], *, one_step: bool) -> str:
    """The statement that hands the items of a step to its workers."""
    element = f"pool.submit({', '.join([callee, *arguments])})"
    loop = f"for {'_' if one_step else '*_'}, value in items"
    line = f"{_INDENT * 2}futures = [{element} {loop}]"
    if len(line) <= WIDTH:
        return line
    inner = f"{_INDENT * 3}{element} {loop}"
    if len(inner) > WIDTH:
        inner = f"{_broken(3, element)}\n{_INDENT * 3}{loop}"
    return f"{_INDENT * 2}futures = [\n{inner}\n{_INDENT * 2}]"


def _statement(depth: int, head: str, arguments: Iterable[str], tail: str = ")") -> str:
    """A call or a ``def`` line: in one line where it fits, else one argument a line."""
    values = list(arguments)
    indent = _INDENT * depth
    line = f"{indent}{head}{', '.join(values)}{tail}"
    if len(line) <= WIDTH or not values:
        return line
    inner = "".join(f"{_broken(depth + 1, argument)},\n" for argument in values)
    return f"{indent}{head}\n{inner}{indent}{tail}"


def _broken(depth: int, argument: str) -> str:
    """An argument; where a line cannot hold it, the parts of its call or list are one a line."""
    line = f"{_INDENT * depth}{argument}"
    if len(line) < WIDTH or argument[-1] not in ")]" or argument.endswith("()"):
        return line
    place = min(place for place in map(argument.find, "([") if place >= 0) + 1
    parts = "".join(f"{_INDENT * (depth + 1)}{part},\n" for part in argument[place:-1].split(", "))
    return f"{line[: -len(argument)]}{argument[:place]}\n{parts}{_INDENT * depth}{argument[-1]}"


def _assigned(name: str, value: str) -> str:
    line = f"{name} = {value}"
    return line if len(line) <= WIDTH else f"{name} = (\n{_INDENT}{value}\n)"
