"""What a loaded target is: who fans out, what is mapped, what collects, how the job runs.

Everything is read from definitions and the execution plan; nothing of the user's is run.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dagster import JobDefinition, OpDefinition

from advisor.dagster_bridge.awaiting import is_async, is_generator
from advisor.dagster_bridge.executors import executor_setting
from advisor.dagster_bridge.graph_shape import graph_nodes, graph_outputs, graph_that_fans_out
from advisor.dagster_bridge.partitions import partition_key, partition_run_config
from advisor.dagster_bridge.plain_ops import bare_node, with_plain_facts
from advisor.dagster_bridge.plan import (
    collected_by,
    collecting_steps,
    execution_plan,
    hooks_of,
    mapped_over,
    mapped_steps,
    needed_by,
    nested_fan_outs,
)
from advisor.dagster_bridge.private import (
    ExecutionPlan,
    FromPendingDynamicStepOutput,
    FromUnresolvedStepOutput,
    UnresolvedMappedExecutionStep,
    compute_function,
    is_default_io_manager,
    is_same_op,
)
from advisor.dagster_bridge.source_hash import source_hash, source_location
from advisor.dagster_bridge.target import LoadedTarget, reconstructable_of
from advisor.dagster_bridge.user_frames import in_words
from advisor.domain.errors import DynadviseError, TargetError
from advisor.domain.workload import (
    DynamicOutputOf,
    MappedOp,
    NestedFanOut,
    OpReference,
    WorkloadDescription,
    output_name,
)

SINGLE_RESULT = "result"
"""Dagster's name of an op's only output; ours for what a plain function returns."""


def describe(
    loaded: LoadedTarget,
    run_config: Mapping[str, Any] | None = None,
    partition: str | None = None,
    fan_out: DynamicOutputOf | None = None,
) -> WorkloadDescription:
    """Read the workload's structure, for a partition of a partitioned job (default: the last).

    ``fan_out`` is the op, by its handle, and the output whose items are meant; None: the first,
    or the target's.

    Raises:
        TargetError: The job has no dynamic output that is mapped, an input of it has no value,
            the run config does not fit, or there is no such partition.
    """
    partition = partition_key(loaded.job, partition)
    if loaded.job is not None:
        run_config = run_config or partition_run_config(loaded.job, partition)
    described = replace(_described(loaded, run_config, fan_out), partition=partition)
    limits = described.executor.tag_concurrency_limits if described.executor else ()
    limited = frozenset(str(limit.get("key")) for limit in limits)
    mapped = (replace(op, tags=_without_values(op.tags, limited)) for op in described.mapped)
    return replace(described, mapped=tuple(mapped))


def _without_values(tags: Mapping[str, str], limited: frozenset[str]) -> dict[str, str]:
    """Tags as they may be saved: values only of those that decide how the op runs."""
    ours = ("dagster/", "dynadvise/")
    return {
        key: value if key in limited or key.startswith(ours) else "" for key, value in tags.items()
    }


def _described(
    loaded: LoadedTarget, run_config: Mapping[str, Any] | None, fan_out: DynamicOutputOf | None
) -> WorkloadDescription:
    if loaded.function is not None:
        return _of_function(loaded, loaded.function)
    if loaded.job is None:
        assert loaded.op is not None
        return WorkloadDescription(
            target=loaded.reference,
            kind="op",
            job_name=None,
            mapped=(_bare_op(loaded.op),),
            reconstructable=False,
            not_reconstructable_reason="no job maps this op",
            graph=(bare_node(loaded.op, loaded.module),),
        )
    return _of_job(loaded, loaded.job, run_config, fan_out)


# --- a job ----------------------------------------------------------------------------------


def _of_job(
    loaded: LoadedTarget,
    job: JobDefinition,
    run_config: Mapping[str, Any] | None,
    dynamic: DynamicOutputOf | None,
) -> WorkloadDescription:
    plan = execution_plan(job, run_config)
    dynamic = dynamic or _choose_fan_out(loaded, job, plan)
    fan_out, _ = dynamic
    steps = {str(step.node_handle): step for step in plan.step_dict.values()}
    inside = mapped_steps(plan)
    in_order = [handle for handle in loaded.ops if handle in inside]  # the plan has another
    chain = {each: inside[each] for each in in_order if mapped_over(inside[each]) == dynamic}
    mapped = tuple(_mapped_op(job, loaded.ops[handle], step) for handle, step in chain.items())
    collects = [
        handle for handle, step in collecting_steps(plan).items() if collected_by(step) == {dynamic}
    ]
    spread = (fan_out, *chain)
    upstream = [handle for handle in needed_by(spread, steps) if handle not in spread]
    others = [handle for handle in steps if handle not in {*spread, *collects, *upstream}]
    fanning = [handle for handle in (*collects, *others) if fans_out(loaded.ops[handle])]
    beside = {mapped_over(step) for step in inside.values()} - {dynamic}
    fanning += [output_name(*each) for each in sorted(beside) if each[0] == fan_out]
    reason = _not_reconstructable(loaded)
    graph, path = graph_that_fans_out(job.graph, spread)
    nodes = graph_nodes(graph, {handle.split(".")[len(path)] for handle in chain})
    stored = [output for handle in spread for output in loaded.ops[handle].output_defs]
    return WorkloadDescription(
        target=loaded.reference,
        kind=loaded.kind,
        job_name=job.name,
        mapped=mapped,
        fan_out=op_reference(loaded.ops[fan_out], fan_out),
        upstream=tuple(op_reference(loaded.ops[handle], handle) for handle in upstream),
        collects=tuple(op_reference(loaded.ops[handle], handle) for handle in collects),
        other_steps=len(others),
        other_ops=tuple(h for h in others if h not in fanning and h not in inside),
        other_fan_outs=tuple(fanning),
        executor=executor_setting(job, run_config),
        reconstructable=reason is None,
        not_reconstructable_reason=reason,
        graph=with_plain_facts(nodes, job, loaded.module) if graph is job.graph else nodes,
        graph_path=path,
        graph_inputs=tuple(graph.input_dict),
        graph_outputs=graph_outputs(graph),
        of_assets=job.is_asset_job,
        is_called=loaded.is_called,
        asset_from=loaded.asset_from,
        job_from=loaded.job_from,
        definitions_name=_definitions_name(loaded),
        pickles=is_default_io_manager(job.resource_defs.get("io_manager"))
        and all(output.io_manager_key == "io_manager" for output in stored),
        nested_fan_outs=tuple(
            NestedFanOut(op_reference(loaded.ops[handle], handle), skipped)
            for handle, skipped in nested_fan_outs(plan, loaded.ops).items()
        ),
    )


def _definitions_name(loaded: LoadedTarget) -> str | None:
    """The variable of the definitions, where the target is a job's name or an asset's key."""
    named = loaded.reference.attribute is None and loaded.pointer is not None
    return loaded.pointer.attribute if named and loaded.pointer else None


def fans_out(op: OpDefinition) -> bool:
    """Whether it yields dynamic outputs."""
    return any(output.is_dynamic for output in op.output_defs)


def _choose_fan_out(
    loaded: LoadedTarget, job: JobDefinition, plan: ExecutionPlan
) -> DynamicOutputOf:
    """The dynamic output that is mapped, with the handle of its op.

    Among several: the one whose chain (or which itself) is the target op, else the first in
    topological order.
    """
    chains: dict[DynamicOutputOf, list[str]] = {}
    for handle, step in mapped_steps(plan).items():
        chains.setdefault(mapped_over(step), []).append(handle)
    if not chains:
        dynamic = [handle for handle, op in loaded.ops.items() if fans_out(op)]
        if dynamic:
            raise TargetError(
                f"Job '{job.name}' maps nothing over the dynamic output of '{dynamic[0]}'.",
                hint="There is an item to measure where an op is mapped: outputs.map(my_op).",
            )
        raise TargetError(
            f"Job '{job.name}' has no dynamic output, so there are no items to spread.",
            hint=(
                "Name a job with an op that yields DynamicOutput, or the op or function that "
                "does the work for one item, with --inputs."
            ),
        )
    order = [dynamic for op in loaded.ops for dynamic in chains if dynamic[0] == op]
    if loaded.op is not None:
        for fan_out in order:
            ops = [loaded.ops[handle] for handle in (*chains[fan_out], fan_out[0])]
            if any(is_same_op(op, loaded.op) for op in ops):
                return fan_out
    return order[0]


def _mapped_op(
    job: JobDefinition, op: OpDefinition, step: UnresolvedMappedExecutionStep
) -> MappedOp:
    """One mapped op, with where each of its inputs comes from."""
    sources: dict[str, tuple[str, str]] = {}
    fixed = []
    named = value_inputs(op)
    for step_input in step.step_inputs:
        source = getattr(step_input, "source", None)
        if step_input.name not in named:
            continue
        if isinstance(source, FromPendingDynamicStepOutput):
            handle = source.step_output_handle
            sources[step_input.name] = (handle.step_key, handle.output_name)
        elif isinstance(source, FromUnresolvedStepOutput):
            unresolved = source.unresolved_step_output_handle
            sources[step_input.name] = (
                str(unresolved.unresolved_step_handle.node_handle),
                unresolved.output_name,
            )
        else:
            fixed.append(step_input.name)
    facts = _op_facts(
        op,
        str(step.node_handle),
        item_input=next(iter(sources), None),
        fixed_inputs=tuple(fixed),
        sources=sources,
        tags=dict(step.tags or {}),
    )
    return replace(facts, hooks=tuple(hook.name for hook in hooks_of(job, facts.handle)))


def _not_reconstructable(loaded: LoadedTarget) -> str | None:
    """Why a child process could not get the job again; None where it can."""
    try:
        rebuilt = reconstructable_of(loaded).get_definition()
    except DynadviseError as error:
        return error.what
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises the second time
        return in_words(error)
    if (
        loaded.job is not None
        and rebuilt.graph.node_dict.keys() != loaded.job.graph.node_dict.keys()
    ):
        return "loading it again gives another graph"
    return None


# --- an op or a function without a job ------------------------------------------------------


def _bare_op(op: OpDefinition) -> MappedOp:
    inputs = value_inputs(op)
    required = [name for name in inputs if not op.input_def_named(name).has_default_value]
    return _op_facts(
        op,
        op.name,
        item_input=_the_only(inputs, required),
        fixed_inputs=(),
        sources={},
        tags=dict(op.tags),
    )


def _the_only(inputs: list[str], required: list[str]) -> str | None:
    """The input that an item is for, where there is no doubt."""
    for names in (required, inputs):
        if len(names) == 1:
            return names[0]
    return None


def _of_function(loaded: LoadedTarget, function: Callable[..., Any]) -> WorkloadDescription:
    name = getattr(function, "__name__", type(function).__name__)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise TargetError(
            f"'{loaded.reference.attribute}' is a function whose arguments cannot be read.",
            hint="Wrap it in a function of your own with named arguments.",
        ) from error
    named = [
        parameter
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    inputs = [parameter.name for parameter in named]
    required = [parameter.name for parameter in named if parameter.default is parameter.empty]
    mapped = MappedOp(
        reference=OpReference(name, (name,), source_location(function), source_hash(function)),
        item_input=_the_only(inputs, required),
        inputs=tuple(inputs),
        outputs=(SINGLE_RESULT,),
        is_async=is_async(function),
        is_generator=is_generator(function),
        io_manager_keys=(),
        optional_inputs=tuple(name for name in inputs if name not in required),
    )
    return WorkloadDescription(
        target=loaded.reference,
        kind="function",
        job_name=None,
        mapped=(mapped,),
        reconstructable=False,
        not_reconstructable_reason="it is a plain function",
    )


# --- facts of one op ------------------------------------------------------------------------


def _op_facts(
    op: OpDefinition,
    handle: str,
    *,
    item_input: str | None,
    fixed_inputs: tuple[str, ...],
    sources: Mapping[str, tuple[str, str]],
    tags: Mapping[str, str],
) -> MappedOp:
    function = compute_function(op)
    inputs = tuple(value_inputs(op))
    return MappedOp(
        reference=op_reference(op, handle),
        item_input=item_input,
        inputs=inputs,
        outputs=tuple(output.name for output in op.output_defs),
        fixed_inputs=fixed_inputs,
        is_async=is_async(function),
        is_generator=is_generator(function),
        resource_keys=tuple(sorted(op.required_resource_keys)),
        io_manager_keys=tuple(dict.fromkeys(output.io_manager_key for output in op.output_defs)),
        pool=op.pool,
        tags=tags,
        optional_inputs=tuple(
            name for name in inputs if op.input_def_named(name).has_default_value
        ),
        sources=sources,
    )


def op_reference(op: OpDefinition, handle: str) -> OpReference:
    """The op with its place in the graph and in the user's files."""
    function = compute_function(op)
    return OpReference(
        name=op.name,
        node_path=tuple(handle.split(".")),
        location=source_location(function),
        source_hash=source_hash(function),
    )


def value_inputs(op: OpDefinition) -> list[str]:
    """The inputs that carry a value: those of type Nothing only order the steps."""
    return [input_def.name for input_def in op.input_defs if not input_def.dagster_type.is_nothing]
