"""Which ops of a job are plain functions, and under what names the user's module has them.

Code that a user reads is emitted from these facts. Whatever is not certain to be plain is left
unmarked: the emitted code then goes through Dagster's own definitions.
"""

import inspect
from dataclasses import replace
from types import CodeType, FunctionType, ModuleType
from typing import Any

from dagster import JobDefinition, OpDefinition

from advisor.dagster_bridge.graph_shape import has_config
from advisor.dagster_bridge.private import compute_function, is_default_io_manager
from advisor.domain.graph import GraphNode, Wire

_IO_MANAGER = "io_manager"
_OUR_TAGS = "dynadvise/"
# What means more to Dagster than a value or a failure, or needs the context of the op's own step.
_EVENTS = frozenset({
    "AssetCheckEvaluation", "AssetCheckResult", "AssetExecutionContext", "AssetMaterialization",
    "AssetObservation", "ExpectationResult", "MaterializeResult", "ObserveResult",
    "OpExecutionContext", "Output", "RetryRequested", "log_event",
})  # fmt: skip


def with_plain_facts(
    nodes: tuple[GraphNode, ...], job: JobDefinition, module: ModuleType
) -> tuple[GraphNode, ...]:
    """The nodes with ``variable`` and ``is_plain`` set, where the job adds nothing to them."""
    if not _adds_nothing(job) or any(not job.graph.has_node_named(node.name) for node in nodes):
        return nodes  # the ops of a graph that is mapped are not the job's own nodes
    names: dict[int, str] = {}
    for name, value in list(vars(module).items()):
        if isinstance(value, OpDefinition):
            names.setdefault(id(value), name)
    return tuple(_with_facts(node, job, names) for node in nodes)


def bare_node(definition: OpDefinition, module: ModuleType) -> GraphNode:
    """An op without a job, as a node whose inputs all come from the item."""
    inputs = tuple(definition.input_dict)
    node = GraphNode(
        name=definition.name,
        wires=tuple(Wire(name, (("", name),)) for name in inputs),
        inputs=inputs,
        outputs=tuple(definition.output_dict),
        has_config=has_config(definition),
    )
    held = [name for name, value in list(vars(module).items()) if value is definition]
    plain = (
        bool(held)
        and not definition.required_resource_keys
        and not any(output.is_dynamic for output in definition.output_defs)
        and _stores_by_default(definition)
        and _is_plain(definition, node)
    )
    return replace(node, variable=held[0] if held else "", is_plain=plain)


def _adds_nothing(job: JobDefinition) -> bool:
    """Whether a job of the same ops with another executor and no more runs them the same way."""
    return (
        not job.hook_defs
        and not job.tags
        and not job.run_tags
        and not job.metadata
        and not job.has_specified_loggers
        and job.op_retry_policy is None
        and set(job.run_config or ()) <= {"execution"}
        and job.partitioned_config is None
        and (job.config_mapping is None or job.run_config is not None)
        and not job.graph.input_mappings
        and not job.graph.output_mappings
        and is_default_io_manager(job.resource_defs.get(_IO_MANAGER))
    )


def _with_facts(node: GraphNode, job: JobDefinition, names: dict[int, str]) -> GraphNode:
    placed = job.graph.node_named(node.name)
    definition = placed.definition
    variable = names.get(id(definition), "")
    if (
        not variable
        or not isinstance(definition, OpDefinition)
        or placed.hook_defs
        or placed.retry_policy is not None
        or dict(placed.tags) != dict(definition.tags)
        or definition.required_resource_keys
        or not _stores_by_default(definition)
    ):
        return node
    return replace(node, variable=variable, is_plain=_is_plain(definition, node))


def _stores_by_default(definition: OpDefinition) -> bool:
    """Whether all that goes in and out passes through the job's own IO manager."""
    return all(output.io_manager_key == _IO_MANAGER for output in definition.output_defs) and all(
        input_def.input_manager_key is None and input_def.hardcoded_asset_key is None
        for input_def in definition.input_defs
    )


def _is_plain(definition: OpDefinition, node: GraphNode) -> bool:
    compute: Any = definition.compute_fn
    function = compute_function(definition)
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        return False
    return not (
        compute.has_context_arg()
        or compute.has_config_arg()
        or compute.get_resource_args()
        or node.has_config
        or definition.pool
        or definition.retry_policy
        or any(not tag.startswith(_OUR_TAGS) for tag in definition.tags)
        or any(input_def.dagster_type.is_nothing for input_def in definition.input_defs)
        or {wire.input for wire in node.wires} != set(node.inputs)
        or not _gives_one_value(definition, function)
        or not _EVENTS.isdisjoint(_names_used(function))
    )


def _gives_one_value(definition: OpDefinition, function: FunctionType) -> bool:
    """Whether it always returns its one output, or gives one list of dynamic ones."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return False
    if len(definition.output_defs) != 1:
        return False
    (output,) = definition.output_defs
    return output.is_required and (output.is_dynamic or not inspect.isgeneratorfunction(function))


def _names_used(function: FunctionType) -> set[str]:
    """Names in the code of a function and of the functions of its package that it may call."""
    used: set[str] = set()
    functions, followed = [function], {function}
    while functions:
        reached = functions.pop()
        names = _names_in(reached.__code__)
        used |= names
        values = [reached.__globals__.get(name) for name in names]
        modules = [value for value in values if isinstance(value, ModuleType)]
        for module in modules:
            if _package(module.__name__) == _package(function.__module__):
                values += [vars(module).get(name) for name in names]
        for helper in values:
            if (
                isinstance(helper, FunctionType)
                and _package(helper.__module__) == _package(function.__module__)
                and helper not in followed
            ):
                followed.add(helper)
                functions.append(helper)
    return used


def _names_in(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names


def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]
