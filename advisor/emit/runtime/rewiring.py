"""A job or a graph-backed asset built again, so that its items run in batches.

Three kinds of ops are replaced: the op that fans out hands its items on in batches, one
op runs all mapped ops on each item of a batch, and ops that collect get the results in
the items' order. Everything else of the graph stays as it is.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from advisor.emit.runtime.batching import (
    BatchPlan,
    Node,
    Outcome,
    Step,
    events_of,
    nodes_of,
    roles_of,
)

SHOWN = 10  # failed items that the step's failure names


def batched_job(
    plans: Sequence[BatchPlan], job: dg.JobDefinition, **advised: Any
) -> Callable[[Callable[[], None]], dg.JobDefinition]:
    """Decorates a function that stands for the job in batches: its name is the job's.

    `plans`: one for each fan-out that is batched; `advised` are the job's
    executor_def and description. As under `@job`, a step's process finds the job
    again by the function's module and name.
    """

    def made(function: Callable[[], None]) -> dg.JobDefinition:
        graph = plans[0].graph
        for plan in plans:
            graph = with_batches(plan, graph, plan.path, graph.name)
        # Without resources of its own, a job has those of its Definitions.
        own = getattr(job, "_was_provided_resources", True)
        batched = graph.to_job(
            function.__name__,
            **advised,
            resource_defs=job.resource_defs if own else None,
            config=own_config(plans, job),
            tags=job.tags,
            run_tags=job.run_tags,
            metadata=job.metadata,
            hooks=job.hook_defs,
            op_retry_policy=job.op_retry_policy,
            input_values=job.input_values,
            logger_defs=job.loggers if job.has_specified_loggers else None,
        )
        functools.update_wrapper(batched, function)
        return batched

    return made


def own_config(plans: Sequence[BatchPlan], job: dg.JobDefinition) -> Any:
    """The config that the job's code gives it."""
    partitioned, mapping = job.partitioned_config, job.config_mapping
    if job.run_config:
        return run_config_of(plans, job.run_config)
    if partitioned is not None:
        config_of = partitioned.get_run_config_for_partition_key
        return dg.PartitionedConfig(
            partitioned.partitions_def,
            run_config_for_partition_key_fn=lambda key: run_config_of(
                plans, config_of(key)
            ),
            tags_for_partition_key_fn=partitioned.tags_for_partition_key_fn,
        )
    if mapping is not None:
        return mapped_config(mapping, lambda config: run_config_of(plans, config))
    return None


def run_config_of(
    plans: Sequence[BatchPlan], original: Mapping[str, Any]
) -> dict[str, Any]:
    """Run config of the original job, as the batched job takes it."""
    config = {key: part for key, part in original.items() if key != "execution"}
    for plan in plans if "ops" in config else ():
        config["ops"] = ops_config(plan, config["ops"], [*plan.outer, *plan.path])
    return config


def ops_config(
    plan: BatchPlan, ops: Mapping[str, Any], path: Sequence[str]
) -> dict[str, Any]:
    """Config of ops; at the end of the path, that of the mapped ones in one place."""
    if path and "ops" in ops.get(path[0], {}):
        inner = ops_config(plan, ops[path[0]]["ops"], path[1:])
        return {**ops, path[0]: {**ops[path[0]], "ops": inner}}
    if path:
        return {**ops}
    configs: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name in plan.chain:
        place: Mapping[str, Any] = {"ops": ops}
        for step in name.split("."):
            place = place.get("ops", {}).get(step, {})
        if "config" in place and name in plan.configured:
            configs[name] = place["config"]
        outer = plan.fixed.get(name, {})
        given = place.get("inputs", {}).items()
        inputs |= {outer[key]: value for key, value in given if key in outer}
    if configs and plan.merges_config:
        own["config"] = {key_of(name): config for name, config in configs.items()}
    elif configs:
        own["config"] = configs[plan.batched]
    if inputs:
        own["inputs"] = inputs
    mapped = {name.partition(".")[0] for name in plan.chain}
    others = {name: config for name, config in ops.items() if name not in mapped}
    return {**others, plan.batched: own} if own else others


def mapped_config(mapping: dg.ConfigMapping, change: Callable[[Any], Any]) -> Any:
    """A config mapping whose result is changed."""
    return dg.ConfigMapping(
        lambda config: change(mapping.config_fn(config)),
        mapping.config_schema,
        mapping.receive_processed_config_values,
    )


def batched_asset(plan: BatchPlan, asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The asset, its graph in batches."""
    return dg.AssetsDefinition(
        keys_by_input_name=asset.keys_by_input_name,
        keys_by_output_name=asset.keys_by_output_name,
        node_def=with_batches(plan, plan.graph, plan.path, plan.graph.name),
        specs=[*asset.specs],
        check_specs_by_output_name=asset.check_specs_by_output_name,
        resource_defs=asset.resource_defs,
        backfill_policy=asset.backfill_policy,
        can_subset=asset.can_subset,
        hook_defs=asset.hook_defs,
    )


def graph_of(
    nodes: Sequence[Node], like: dg.GraphDefinition, **changes: Any
) -> dg.GraphDefinition:
    """A graph of these nodes, in all else like another."""
    fields = ("description", "input_mappings", "output_mappings", "tags")
    return dg.GraphDefinition(
        node_defs=[*{node.definition.name: node.definition for node in nodes}.values()],
        dependencies={
            dg.NodeInvocation(node.definition.name, node.name, *node[2:5]): node[5]
            for node in nodes
        },
        **{**{name: getattr(like, name) for name in fields}, **changes},
    )


def with_batches(
    plan: BatchPlan, graph: dg.GraphDefinition, path: Sequence[str], name: str
) -> dg.GraphDefinition:
    """The graph, with that at the end of the path in batches."""
    nodes = nodes_of(graph)
    changes: dict[str, Any] = {"name": name, "config": graph.config_mapping}
    if graph.config_mapping is not None:
        changes["config"] = mapped_config(
            graph.config_mapping, lambda ops: ops_config(plan, ops, path)
        )
    if path:
        inner = nodes[path[0]].definition
        replaced = with_batches(plan, inner, path[1:], f"{inner.name}_batched")
        nodes[path[0]] = nodes[path[0]]._replace(definition=replaced)
        return graph_of([*nodes.values()], graph, **changes)
    mapped = {op.partition(".")[0] for op in plan.chain}
    others = [node for node in nodes.values() if node.name not in mapped]
    batched = batched_node(plan, [nodes[name] for name in mapped])
    changes["input_mappings"] = [
        one for one in graph.input_mappings if one.mapped_node_name not in mapped
    ] + [
        dg.InputMapping(
            graph_input_name=source,
            mapped_node_name=plan.batched,
            mapped_node_input_name=own,
        )
        for own, (node, source) in plan.sources.items()
        if not node
    ]
    parts = [each for node in others for each in replaced_by(plan, node)]
    later = [
        plan.batched in needed_by(node) for node in parts
    ]  # Dagster wants it before
    parts.insert(later.index(True) if True in later else len(parts), batched)
    return graph_of(parts, graph, **changes)


def needed_by(node: Node) -> set[str]:
    """The nodes that give the inputs of a node."""
    wires = node.dependencies.values()
    return {one.node for wire in wires for one in wire.get_node_dependencies()}


def replaced_by(plan: BatchPlan, node: Node) -> Iterator[Node]:
    """What stands for a node that is not mapped; by default the node itself."""
    collected = plan.collected.get(node.name, {})
    wires = {**node.dependencies}
    for own, result in collected.items():
        wires[own] = type(wires[own])(plan.batched, result) if result else wires[own]
    definition = node.definition
    if node.name == plan.fan_out[0]:
        definition = splitting(plan, node.name, definition, plan.fan_out[1])
    elif isinstance(definition, dg.OpDefinition):
        if collected:
            definition = collecting(node.name, definition, collected)
    else:
        for own in collected:  # a graph: an op before it puts the results in order
            name = f"{node.name}_{own}_in_order"
            yield Node(name, ordering(name), {}, set(), None, {"batches": wires[own]})
            wires[own] = dg.DependencyDefinition(name)
    yield node._replace(definition=definition, dependencies=wires)


def in_place_of(
    definition: dg.OpDefinition, name: str, **changes: Any
) -> dg.OpDefinition:
    """An op like one of yours that does something else."""
    fields = ["description", "ins", "outs", "config_schema", "required_resource_keys"]
    fields += ["retry_policy", "pool", "tags"]
    own = {attribute: getattr(definition, attribute) for attribute in fields}
    return dg.OpDefinition(**{**own, "name": f"{name}_batched", **changes})


def caller_of(definition: Any) -> Callable[..., Iterator[Any]]:
    """What calls an op: one that was built here, as it was built."""
    built = definition.compute_fn
    return (
        built if inspect.isfunction(built) else functools.partial(events_of, definition)
    )


def splitting(plan: BatchPlan, name: str, definition: Any, dynamic: str) -> Any:
    """The op that fans out; its dynamic outputs leave it in batches."""
    if isinstance(definition, dg.GraphDefinition):  # it hands an op's items out
        handed = {one.graph_output_name: one for one in definition.output_mappings}
        nodes = nodes_of(definition)
        node = nodes[handed[dynamic].mapped_node_name]
        output = handed[dynamic].mapped_node_output_name
        split = splitting(plan, node.name, node.definition, output)
        nodes[node.name] = node._replace(definition=split)
        config, called = definition.config_mapping, f"{name}_batched"
        return graph_of([*nodes.values()], definition, name=called, config=config)

    def compute(
        context: dg.OpExecutionContext, inputs: Mapping[str, Any]
    ) -> Iterator[Any]:
        items: list[Any] = []
        for event in caller_of(definition)(context, inputs):
            if isinstance(event, dg.DynamicOutput):
                items.append((len(items), event.mapping_key, event.value))
            else:
                yield event
        for number, batch in enumerate(plan.in_batches(items)):
            yield dg.DynamicOutput(batch, f"batch_{number}", dynamic)

    items_out = dg.DynamicOut(is_required=definition.outs[dynamic].is_required)
    outs = {**definition.outs, dynamic: items_out}
    return in_place_of(definition, name, compute_fn=compute, outs=outs)


def collecting(
    name: str, definition: Any, collected: Mapping[str, str]
) -> dg.OpDefinition:
    """An op that collects; it gets the items' results in the items' order."""

    def compute(
        context: dg.OpExecutionContext, inputs: Mapping[str, Any]
    ) -> Iterator[Any]:
        flat = {own: in_order(inputs[own]) for own in collected}
        yield from caller_of(definition)(context, {**inputs, **flat})

    ins = {**definition.ins, **{own: dg.In() for own in collected}}
    return in_place_of(definition, name, compute_fn=compute, ins=ins)


def ordering(name: str) -> dg.OpDefinition:
    """An op that hands the items' results on in the items' order."""

    def compute(_: dg.OpExecutionContext, inputs: Mapping[str, Any]) -> Iterator[Any]:
        yield dg.Output(in_order(inputs["batches"]))

    return dg.OpDefinition(compute, name, {"batches": dg.In()}, {"result": dg.Out()})


def in_order(batches: Sequence[Any]) -> list[Any]:
    """The values of all batches in the items' order."""
    entries = [entry for batch in batches for entry in batch]
    return [entry[-1] for entry in sorted(entries, key=lambda entry: int(entry[0]))]


def batched_node(plan: BatchPlan, mapped: Sequence[Node]) -> Node:
    """The op that runs all mapped ops on the items of a batch, in place of them."""

    def compute(
        context: dg.OpExecutionContext, inputs: Mapping[str, Any]
    ) -> Iterator[Any]:
        values = dict(inputs)
        batch = values.pop("batch")
        configs = dict.fromkeys(plan.configured, context.op_config)
        if plan.merges_config:
            configs = {n: context.op_config[key_of(n)] for n in plan.configured}
        outcomes = Step(plan, context, configs, values).run(batch)
        for outcome in outcomes:
            yield from outcome.events
        raise_failures(outcomes)
        for name in plan.results:
            listed = [(o.place, o.values[name]) for o in outcomes if name in o.values]
            yield dg.Output(listed, name)

    ops = [node.definition for node in plan.ops.values()]
    for definition in ops:
        list(roles_of(definition))  # what cannot be called is refused before any run
    first = next(iter(plan.ops.values()))
    schemas = {
        name: plan.ops[name].definition.config_schema for name in plan.configured
    }
    fields: Any = {key_of(name): each.as_field() for name, each in schemas.items()}
    changed = in_place_of(
        first.definition,
        plan.batched,
        compute_fn=compute,
        ins={"batch": dg.In(), **fixed_inputs(plan)},
        outs={name: dg.Out() for name in plan.results},
        config_schema=fields if plan.merges_config else schemas.get(plan.batched),
        required_resource_keys={key for op in ops for key in op.required_resource_keys},
        pool=next((op.pool for op in ops if op.pool), None),
        retry_policy=next((op.retry_policy for op in ops if op.retry_policy), None),
        tags={key: tag for op in ops for key, tag in op.tags.items()},
    )
    wires: dict[str, Any] = {"batch": dg.DependencyDefinition(*plan.fan_out)}
    originals = [wire for node in mapped for wire in node.dependencies.values()]
    for own, source in plan.sources.items():
        for wire in originals:
            if [one[:2] for one in wire.get_node_dependencies()] == [tuple(source)]:
                wires[own] = wire
    tags = {key: tag for node in plan.ops.values() for key, tag in node.tags.items()}
    placed = first._replace(name=plan.batched, definition=changed, tags=tags)
    return placed._replace(dependencies=wires)


def raise_failures(outcomes: Sequence[Outcome]) -> None:
    """One failure that names the items that failed, where there are any."""
    failed = [one for one in outcomes if one.error]
    if failed:
        named = "; ".join(one.error for one in failed[:SHOWN])
        traces = {
            o.key: dg.MetadataValue.md(f"```\n{o.trace}\n```") for o in failed[:SHOWN]
        }
        raise dg.Failure(
            f"{len(failed)} of {len(outcomes)} items of this batch failed: {named}",
            metadata=traces,
            allow_retries=all(one.allow_retries for one in failed),
        )


def fixed_inputs(plan: BatchPlan) -> dict[str, dg.In]:
    """The batched op's inputs that do not change with the item."""
    return {
        outer: plan.ops[op].definition.ins[own]
        for op, inputs in plan.fixed.items()
        for own, outer in inputs.items()
    }


def key_of(op: str) -> str:
    """An op's key in the config of the batched op."""
    return op.replace(".", "_")
