"""Items of a dynamic output in batches: what one step does with the items of a batch.

The functions of the mapped ops are called one after another on each item. Their results
are listed, their events yielded, and the items that failed are named at the end.

What is taken of Dagster: documented classes, and what their constructors were given.
"""

import asyncio
import functools
import inspect
import itertools
import math
import multiprocessing.util
import pickle
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Any, Literal, NamedTuple, get_type_hints

import dagster as dg

Names = Mapping[str, Mapping[str, str]]
# What a worker process is told of the run; its context has the partition and no more.
FACTS = ("run", "run_id", "run_config", "job_name", "retry_number")


class Outcome(NamedTuple):
    """What became of the item at a place: its values and events, or its failure."""

    place: int
    key: str
    values: Mapping[str, Any]
    events: Sequence[Any]
    error: str = ""
    trace: str = ""
    allow_retries: bool = True


class Node(NamedTuple):
    """An op or a graph as it stands in a graph; `dependencies` are by its inputs."""

    name: str
    definition: Any
    tags: Mapping[str, Any]
    hook_defs: Any
    retry_policy: Any
    dependencies: Mapping[str, Any]


@dataclass(frozen=True)
class BatchPlan:
    """Which ops of a graph run in batches, and how.

    Attributes:
        graph: The whole graph of the job or asset.
        fan_out: The node that fans out, and its dynamic output.
        chain: The mapped ops in order, each with its inputs that change with the item,
            and the (op, output) of each. A dot leads into a graph that is mapped.
        fixed: The mapped ops' other inputs, each with its name on the batched op.
        sources: The (node, output) of each; ("", name) is an input of the graph itself.
        results: The batched op's outputs, each with the (op, output) that it lists.
        collected: Nodes that collect, with the result that each of their inputs lists;
            "" lists the items themselves.
        batched: Name of the batched op.
        configured: The mapped ops that take config.
        path: Nodes that lead from `graph` to the graph that fans out.
        outer: Nodes that lead from the job to `graph`.
        batch_size: Items per step; None: all in one step.
        longest_first: Deal by the bytes of the items, which foretell their seconds.
        workers: How many items of a step run in parallel; `worker_kind`: on what.
        preloaded: Modules that worker processes find imported.
        worker_threads: Threads of a worker's numeric libraries; None: their own number.
        resource_defs: For worker processes; `resource_config`: their default config.
    """

    graph: dg.GraphDefinition
    fan_out: tuple[str, str]
    chain: Mapping[str, Mapping[str, tuple[str, str]]]
    results: Mapping[str, tuple[str, str]]
    batched: str
    fixed: Names = field(default_factory=dict)
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    collected: Names = field(default_factory=dict)
    configured: Sequence[str] = ()
    path: Sequence[str] = ()
    outer: Sequence[str] = ()
    batch_size: int | None = None
    longest_first: bool = False
    workers: int = 1
    worker_kind: Literal["thread", "process"] | None = None
    preloaded: Sequence[str] = ()
    worker_threads: int | None = None
    resource_defs: Mapping[str, Any] = field(default_factory=dict)
    resource_config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        OF_THIS_MODULE[self.batched] = self

    @functools.cached_property
    def ops(self) -> dict[str, Node]:
        """The mapped ops, by their names."""
        places = {name: [*self.path, *name.split(".")] for name in self.chain}
        return {name: node_at(self.graph, place) for name, place in places.items()}

    @property
    def merges_config(self) -> bool:
        """Whether the batched op takes the config of several ops, by their names."""
        return bool(self.configured) and [*self.configured] != [self.batched]

    def in_batches(self, items: Sequence[Any]) -> list[Sequence[Any]]:
        """The items dealt by rounds, each in an order of its own."""
        if self.batch_size is None:
            return [items] if items else []
        count = math.ceil(len(items) / self.batch_size)
        batches: list[list[Any]] = [[] for _ in range(count)]
        if not self.longest_first:
            dealer = random.Random(0)
            rounds = (dealer.sample(range(count), count) for _ in items)
            for item, batch in zip(
                items, itertools.chain.from_iterable(rounds), strict=False
            ):
                batches[batch].append(item)
            return [*batches]
        loads = [0] * count
        sized = [(len(pickle.dumps(item[-1])), item) for item in items]
        for size, item in sorted(sized, key=lambda entry: -entry[0]):
            lightest = loads.index(min(loads))
            batches[lightest].append(item)
            loads[lightest] += size
        return [*batches]


# By the batched op's name: worker processes import this module and find theirs.
OF_THIS_MODULE: dict[str, BatchPlan] = {}


def nodes_of(graph: dg.GraphDefinition) -> dict[str, Node]:
    """The nodes of a graph by their names in it."""
    definitions = {definition.name: definition for definition in graph.node_defs}
    placed = {**graph.dependencies}
    unplaced = definitions.keys() - {call.name for call in placed}
    placed.update({dg.NodeInvocation(name): {} for name in unplaced})
    nodes = [
        Node(call.alias or call.name, definitions[call.name], *call[2:], inputs)
        for call, inputs in placed.items()
    ]
    return {node.name: node for node in nodes}


def node_at(graph: dg.GraphDefinition, path: Sequence[str]) -> Node:
    """The node at the end of a path through graphs."""
    node = nodes_of(graph)[path[0]]
    return node_at(node.definition, path[1:]) if path[1:] else node


class ItemContext:
    """The step's context as an op sees it for an item: its own key, config and name."""

    def __init__(self, step: "Step", op: Node, key: str, config: Any) -> None:
        vars(self).update(step.facts)
        self._context, self._key = step.context, key
        self.op, self.op_def = op, op.definition
        self.op_config = config
        self.events: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def get_mapping_key(self) -> str:
        """The item's mapping key."""
        return self._key

    def log_event(self, event: Any) -> None:
        """An event of the item, which the step yields when its batch has run."""
        self.events.append(event)

    def add_output_metadata(self, *_: Any, **__: Any) -> None:
        """Left out: an item's output is no output of the step."""


def function_of(definition: dg.OpDefinition) -> Callable[..., Any]:
    """The function under `@op`, which keeps it as Python's decorators do.

    Raises:
        TypeError: The op was made in another way.
    """
    function: Callable[..., Any] | None = getattr(definition, "__wrapped__", None)
    if function is None:
        raise TypeError(
            f"{definition.name} cannot be called item by item: it is no function with"
            " @op. Map one that is; of configured(op), map the op itself and give its"
            " config in run config."
        )
    return function


def roles_of(definition: Any) -> Iterator[tuple[str, str, Any]]:
    """Which parameters of the function under an op take what, and their annotations.

    Raises:
        TypeError: One is a resource that only a step of the op's own can be given.
    """
    function = function_of(definition)
    kinds = get_type_hints(function)
    for place, name in enumerate(inspect.signature(function).parameters):
        kind = kinds.get(name)
        if name == "config":
            is_class = inspect.isclass(kind) and issubclass(kind, dg.Config)
            yield "config class" if is_class else "config", name, kind
        elif name in definition.required_resource_keys:
            differs = dg.IAttachDifferentObjectToOpContext
            if inspect.isclass(kind) and issubclass(kind, differs):
                raise TypeError(
                    f"{definition.name} takes the resource {name} as a parameter;"
                    f" context.resources.{name} is another object. Take that:"
                    f' @op(required_resource_keys={{"{name}"}}).'
                )
            yield "resource", name, kind
        elif place == 0 and name not in definition.ins:
            yield "context", name, kind


def events_of(
    definition: Any, context: Any, inputs: Mapping[str, Any]
) -> Iterator[Any]:
    """What one of your ops yields; what it returns, as its outputs."""
    ins = definition.ins
    named = {n: v for n, v in inputs.items() if not ins[n].dagster_type.is_nothing}
    leading = []
    for role, name, kind in roles_of(definition):
        if role == "context":
            leading.append(context)
        elif role == "resource":
            named[name] = getattr(context.resources, name)
        elif role == "config class":
            named[name] = kind(**context.op_config)
        else:
            named[name] = context.op_config
    result = function_of(definition)(*leading, **named)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    if inspect.isasyncgen(result):
        result = iter(asyncio.run(drained(result)))
    elif not inspect.isgenerator(result):
        result = returned(definition.outs, result)
    yield from result


def returned(outs: Mapping[str, Any], result: Any) -> Iterator[Any]:
    """What an op returns, as its outputs."""
    for name, value in zip(outs, result if len(outs) > 1 else (result,), strict=False):
        if isinstance(outs[name], dg.DynamicOut):
            yield from value
        elif isinstance(value, dg.Output):
            yield dg.Output(value.value, name, metadata=value.metadata)
        else:
            yield dg.Output(value, name)


async def drained(result: Any) -> list[Any]:
    """What an asynchronous generator yields."""
    return [event async for event in result]


class Step(NamedTuple):
    """One step: its context, the config and fixed inputs of the mapped ops."""

    plan: BatchPlan
    context: Any
    configs: Mapping[str, Any]
    fixed: Mapping[str, Any]
    facts: Mapping[str, Any] = {}

    def run(self, batch: Sequence[Any]) -> list[Outcome]:
        """The items of a batch, in their order, on workers where there are any."""
        if self.plan.worker_kind == "process":
            return in_processes(self, batch)
        if self.plan.worker_kind is None:
            return [self.attempt(item) for item in batch]
        with ThreadPoolExecutor(min(self.plan.workers, len(batch))) as pool:
            futures = [pool.submit(copy_context().run, self.attempt, i) for i in batch]
            return [future.result() for future in futures]

    def attempt(self, item: tuple[int, str, Any]) -> Outcome:
        """One item; its failure waits, so that the others of its batch run."""
        try:
            return self.run_item(*item)
        except dg.RetryRequested:
            raise
        except Exception as error:  # noqa: BLE001 - it is named at the end
            return failure(item, error)

    def run_item(self, place: int, key: str, value: Any) -> Outcome:
        """All mapped ops on one item."""
        plan, events = self.plan, []
        done: dict[str, dict[str, Any]] = {plan.fan_out[0]: {plan.fan_out[1]: value}}
        for name, sources in plan.chain.items():
            done[name] = {}
            if any(output not in done[op] for op, output in sources.values()):
                continue  # skipped: an op before left its optional output out
            inputs = {own: done[op][output] for own, (op, output) in sources.items()}
            fixed = plan.fixed.get(name, {}).items()
            inputs |= {own: self.fixed[to] for own, to in fixed if to in self.fixed}
            op, config = plan.ops[name], self.configs.get(name)
            context = ItemContext(self, op, key, config)
            for event in events_of(op.definition, context, inputs):
                if isinstance(event, dg.Output):
                    done[name][event.output_name] = event.value
                else:
                    context.log_event(event)
            events += context.events
        listed = [r for r, (op, output) in plan.results.items() if output in done[op]]
        values = {r: done[plan.results[r][0]][plan.results[r][1]] for r in listed}
        return Outcome(place, key, values, events)


def failure(item: tuple[int, str, Any], error: Exception) -> Outcome:
    """The outcome of an item that raised."""
    place, key, _ = item
    named, trace = f"{key}: {type(error).__name__}: {error}", format_exception(error)
    allow = getattr(error, "allow_retries", True)
    return Outcome(place, key, {}, [], named, "".join(trace), allow)


def in_processes(step: "Step", batch: Sequence[Any]) -> list[Outcome]:
    """The items of a batch on worker processes; one that dies fails its item."""
    plan, context, configs, fixed, _ = step
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([*plan.preloaded])
    facts = {name: getattr(context, name) for name in FACTS}
    resources = {**plan.resource_config, **context.run_config.get("resources", {})}
    partition = context.partition_key if context.has_partition_key else None
    order = (plan.batched, configs, fixed, facts, resources, partition)
    workers = min(plan.workers, len(batch))
    with ProcessPoolExecutor(workers, processes, take_order, (order,)) as pool:
        outcomes = []
        futures = [(item, pool.submit(in_worker, item)) for item in batch]
        for item, future in futures:
            error = future.exception()  # a worker or the pickling died
            if isinstance(error, dg.RetryRequested) or not isinstance(error, Exception):
                outcomes.append(future.result())
            else:
                outcomes.append(failure(item, error))
        return outcomes


ORDER: list[Any] = []  # of a worker process: what in_processes sends to each
STEP: list[Step] = []  # of a worker process: the step, once an item has come


def take_order(order: Sequence[Any]) -> None:
    """In a worker process that starts: what all its items need."""
    ORDER.extend(order)


def in_worker(item: tuple[int, str, Any]) -> Outcome:
    """One item, in a worker process."""
    if not STEP:
        name, configs, fixed, facts, resources, partition = ORDER
        plan = OF_THIS_MODULE[name]
        context = worker_context(plan, resources, partition)
        STEP.append(Step(plan, context, configs, fixed, facts))
    return STEP[0].attempt(item)


def worker_context(
    plan: BatchPlan, resource_config: Any, partition_key: str | None
) -> Any:
    """The worker's own resources, in a context as Dagster gives to a direct call."""
    if plan.worker_threads is not None:
        try:
            from threadpoolctl import threadpool_limits
        except ImportError:
            pass  # set OMP_NUM_THREADS=1 for the whole run instead
        else:
            threadpool_limits(plan.worker_threads)
    ops = [node.definition for node in plan.ops.values()]
    keys = {key for definition in ops for key in definition.required_resource_keys}
    roles = {role for definition in ops for role, *_ in roles_of(definition)}
    if not keys and "context" not in roles:
        return None  # making one would load Dagster's storages
    built: Any = dg.build_op_context(
        resources={key: plan.resource_defs[key] for key in keys},
        resources_config={k: resource_config[k] for k in keys if k in resource_config},
        partition_key=partition_key,
    )
    multiprocessing.util.Finalize(None, built.__exit__, (None,) * 3, exitpriority=10)
    return built.__enter__()
