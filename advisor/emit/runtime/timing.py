"""Wall and CPU seconds of an op's calls, as metadata of its outputs."""

import functools
import inspect
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from typing import Any

import dagster as dg

Items = int | Callable[[Any], int]


class Stopwatch:
    """Wall and CPU seconds since it was made; CPU of all threads and ended children."""

    def __init__(self) -> None:
        self.wall = time.perf_counter()
        self.cpu = sum(os.times()[:4])

    def metadata(self, items: int) -> Mapping[str, float]:
        """The figures of a call that worked on this many items."""
        wall = time.perf_counter() - self.wall
        cpu = sum(os.times()[:4]) - self.cpu
        return {
            "wall_s": wall,
            "cpu_s": cpu,
            "items": items,
            "wall_s_per_item": wall / max(items, 1),
            # Near 0: it waits (threads help). Near 1: it computes. Above 1: it uses
            # several cores by itself.
            "cpu_share": cpu / wall if wall else 0.0,
        }


def record(watch: Stopwatch, items: Items, result: Any) -> Any:
    """The result; its figures are put to all outputs of the op."""
    context = dg.OpExecutionContext.get()
    count = items(result) if callable(items) else items
    for output in context.op_def.outs:
        context.add_output_metadata(watch.metadata(count), output)
    return result


def record_event(watch: Stopwatch, items: Items, event: Any) -> Any:
    """The event; its figures are put to it, where it is an output."""
    if isinstance(event, (dg.Output, dg.DynamicOutput)):
        count = items(event.value) if callable(items) else items
        key = getattr(event, "mapping_key", None)
        context = dg.OpExecutionContext.get()
        context.add_output_metadata(watch.metadata(count), event.output_name, key)
    return event


def timed(function: Callable[..., Any], items: Items = 1) -> Callable[..., Any]:
    """Beneath @op: the figures of a call as metadata of its outputs, seen in the UI.

    `items` is how many items a call works on: a number, or a function of its result.
    """

    async def async_generator(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        watch = Stopwatch()
        async for event in function(*args, **kwargs):
            yield record_event(watch, items, event)

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        watch = Stopwatch()
        return record(watch, items, await function(*args, **kwargs))

    def generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
        watch = Stopwatch()
        for event in function(*args, **kwargs):
            yield record_event(watch, items, event)

    def plain(*args: Any, **kwargs: Any) -> Any:
        watch = Stopwatch()
        return record(watch, items, function(*args, **kwargs))

    call: Callable[..., Any] = plain
    if inspect.isasyncgenfunction(function):
        call = async_generator
    elif inspect.iscoroutinefunction(function):
        call = coroutine
    elif inspect.isgeneratorfunction(function):
        call = generator
    return functools.wraps(function)(call)


def timed_job(job: dg.JobDefinition, names: Collection[str]) -> dg.JobDefinition:
    """The job, its ops of these names timed wherever they stand."""
    return timed_graph(job.graph, names, {}).to_job(
        name=f"{job.name}_instrumented",
        resource_defs=job.resource_defs,
        executor_def=job.executor_def,
        config=job.run_config or job.partitioned_config or job.config_mapping,
        tags=job.tags,
        run_tags=job.run_tags,
        metadata=job.metadata,
        hooks=job.hook_defs,
        op_retry_policy=job.op_retry_policy,
        input_values=job.input_values,
        logger_defs=job.loggers if job.has_specified_loggers else None,
        description=f"{job.name} with the seconds of its mapped ops as metadata.",
    )


def timed_graph(
    graph: dg.GraphDefinition, names: Collection[str], definitions: dict[int, Any]
) -> dg.GraphDefinition:
    """A graph of the same nodes; `definitions` are those that were timed before."""
    for definition in graph.node_defs:
        if id(definition) in definitions:
            continue
        definitions[id(definition)] = definition
        if isinstance(definition, dg.GraphDefinition):
            definitions[id(definition)] = timed_graph(definition, names, definitions)
        elif isinstance(definition, dg.OpDefinition) and definition.name in names:
            definitions[id(definition)] = timed_op(definition)
    return dg.GraphDefinition(
        name=graph.name,
        description=graph.description,
        node_defs=[definitions[id(definition)] for definition in graph.node_defs],
        dependencies=graph.dependencies,
        input_mappings=graph.input_mappings,
        output_mappings=graph.output_mappings,
        config=graph.config_mapping,
        tags=graph.tags,
    )


def timed_op(definition: Any) -> dg.OpDefinition:
    """The op, its function timed: `@op` keeps it as Python's decorators do."""
    function = definition.__wrapped__
    parameters = inspect.signature(function).parameters
    return dg.op(
        name=definition.name,
        description=definition.description,
        ins=definition.ins,
        out=definition.outs,
        config_schema=None if "config" in parameters else definition.config_schema,
        required_resource_keys=definition.required_resource_keys - parameters.keys(),
        tags=definition.tags,
        retry_policy=definition.retry_policy,
        pool=definition.pool,
    )(timed(function))
