"""A job's execution plan, read without running anything, or why Dagster refuses to make one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dagster import (
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    GraphDefinition,
    HookDefinition,
    JobDefinition,
    OpDefinition,
    in_process_executor,
)

from advisor.dagster_bridge.partitions import partition_run_config
from advisor.dagster_bridge.private import (
    CheckError,
    ExecutionPlan,
    NodeHandle,
    OpConfig,
    ResolvedRunConfig,
    UnresolvedCollectExecutionStep,
    UnresolvedMappedExecutionStep,
    compute_function,
)
from advisor.dagster_bridge.source_hash import source_location
from advisor.domain.errors import TargetError
from advisor.domain.workload import DynamicOutputOf

S = TypeVar("S", UnresolvedMappedExecutionStep, UnresolvedCollectExecutionStep)


def effective_run_config(
    job: JobDefinition, run_config: Mapping[str, Any] | None, partition: str | None = None
) -> Mapping[str, Any]:
    """The run config of a run: the given one, else the partition's, else the job's own."""
    return run_config or partition_run_config(job, partition) or dict(job.run_config or {})


def config_behind_mapping(job: JobDefinition, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the job's config mapping makes of a run config, where it has one of the user's."""
    mapping = job.config_mapping
    if mapping is None or job.run_config is not None:  # Dagster's own, of the job's run config
        return config
    behind: Mapping[str, Any] = mapping.resolve_from_unvalidated_config(config)
    return behind


def resolved_run_config(
    job: JobDefinition, run_config: Mapping[str, Any] | None, *, needed: bool = False
) -> ResolvedRunConfig | None:
    """The run config with all defaults, or None where none was given and the job needs one.

    Args:
        needed: Something is going to be run, so that a missing run config is an error.

    Raises:
        TargetError: The given run config does not fit the job, or a resource is missing.
    """
    try:
        return ResolvedRunConfig.build(job, effective_run_config(job, run_config))
    except DagsterInvalidConfigError as error:
        if run_config or needed:
            raise TargetError(
                f"The run config does not fit job '{job.name}'."
                if run_config
                else f"Job '{job.name}' needs a run config.",
                details=str(error),
                hint=(
                    "Correct the file given with --run-config."
                    if run_config
                    else "Give one with --run-config FILE."
                ),
            ) from error
        return None
    except DagsterInvalidDefinitionError as error:
        raise TargetError(
            f"Job '{job.name}' is not complete.",
            details=str(error),
            hint="If its resources are in a Definitions object, name that module, with --job.",
        ) from error


def execution_plan(job: JobDefinition, run_config: Mapping[str, Any] | None) -> ExecutionPlan:
    """The plan of all steps, with mapped and collecting ones not yet resolved.

    It is built for the in-process executor, whatever the job's own is: an executor that cannot
    run the job (multiprocess with an IO manager in memory) must not hide its structure.

    Raises:
        TargetError: An input has no value, the run config does not fit, or Dagster refuses the
            graph when it is planned.
    """
    resolved = resolved_run_config(job, run_config)
    parts = [handle.split(".") for handle in ops_by_handle(job)]
    handles = {".".join(part[:depth]) for part in parts for depth in range(1, len(part) + 1)}
    nothing = ResolvedRunConfig(ops={handle: OpConfig.from_dict({}) for handle in handles})
    planned = nothing if resolved is None else resolved._replace(execution=nothing.execution)
    try:
        return ExecutionPlan.build(job.with_executor_def(in_process_executor), planned)
    except DagsterInvariantViolationError as error:
        raise TargetError(
            f"Job '{job.name}' cannot be planned.",
            details=str(error),
            hint="Give the missing inputs with --run-config FILE.",
        ) from error
    except CheckError as error:
        raise plan_refusal(job, error) from error


def ops_by_handle(job: JobDefinition) -> dict[str, OpDefinition]:
    """Every op of the job, by its step key without a mapping key, in the graph's order."""

    def walk(container: GraphDefinition, prefix: str) -> Iterator[tuple[str, OpDefinition]]:
        for node in container.nodes_in_topological_order:
            handle = f"{prefix}{node.name}"
            if isinstance(node.definition, OpDefinition):
                yield handle, node.definition
            elif isinstance(node.definition, GraphDefinition):
                yield from walk(node.definition, f"{handle}.")

    return dict(walk(job.graph, ""))


def hooks_of(job: JobDefinition | None, handle: str) -> tuple[HookDefinition, ...]:
    """The hooks on an op of a job, its own and those of the job, by name."""
    hooks = job.get_all_hooks_for_handle(NodeHandle.from_string(handle)) if job else ()
    return tuple(sorted(hooks, key=lambda hook: hook.name))


def mapped_steps(plan: ExecutionPlan) -> dict[str, UnresolvedMappedExecutionStep]:
    """The steps that run once for each dynamic output, by their op's handle."""
    return _steps_of(plan, UnresolvedMappedExecutionStep)


def collecting_steps(plan: ExecutionPlan) -> dict[str, UnresolvedCollectExecutionStep]:
    """The steps that take a whole dynamic output at once, by their op's handle."""
    return _steps_of(plan, UnresolvedCollectExecutionStep)


def mapped_over(step: UnresolvedMappedExecutionStep) -> DynamicOutputOf:
    """The op, by its handle, and its output for each of whose values the step runs once."""
    return step.resolved_by_step_key, step.resolved_by_output_name


def collected_by(step: UnresolvedCollectExecutionStep) -> set[DynamicOutputOf]:
    """The same of those that the step collects."""
    inputs: list[Any] = [each for each in step.step_inputs if hasattr(each, "resolved_by_step_key")]
    return {(each.resolved_by_step_key, each.resolved_by_output_name) for each in inputs}


def _steps_of(plan: ExecutionPlan, kind: type[S]) -> dict[str, S]:
    steps = plan.step_dict.values()
    return {str(step.node_handle): step for step in steps if isinstance(step, kind)}


def plan_refusal(job: JobDefinition, error: Exception) -> TargetError:
    """The error for a plan that Dagster's own checks refuse, with the op where one is known."""
    what = f"Dagster cannot plan job '{job.name}'."
    fan_in = next(_mapped_fan_ins(job.graph), None)
    if fan_in is None:
        return TargetError(what, details=str(error), hint="Dagster refuses every run of it.")
    handle, op = fan_in
    location = source_location(compute_function(op))
    return TargetError(
        f"{what} Its op '{handle}' takes a list of outputs of steps that are mapped.",
        where=str(location) if location else None,
        details=f"Dagster: {error}",
        hint=(
            "Collect each of these outputs by itself after the map (a.collect(), b.collect()), "
            "or make the choice between the branches inside one op."
        ),
    )


def _mapped_fan_ins(
    graph: GraphDefinition, prefix: str = "", *, mapped: bool = False
) -> Iterator[tuple[str, OpDefinition]]:
    """Ops in what is mapped that take several outputs as a plain list, by handle."""
    structure = graph.dependency_structure
    for node in graph.nodes_in_topological_order:
        inside = mapped or structure.is_dynamic_mapped(node.name)
        if isinstance(node.definition, GraphDefinition):
            yield from _mapped_fan_ins(node.definition, f"{prefix}{node.name}.", mapped=inside)
        elif (
            isinstance(node.definition, OpDefinition)
            and inside
            and any(
                structure.has_deps(node_input) and structure.has_fan_in_deps(node_input)
                for node_input in node.inputs()
            )
        ):
            yield f"{prefix}{node.name}", node.definition


def nested_fan_outs(
    plan: ExecutionPlan, ops: Mapping[str, OpDefinition]
) -> dict[str, tuple[str, ...]]:
    """Handle of each mapped op whose dynamic output is used, to the handles that are skipped.

    A step is made for each output of one fan-out only. Where that step itself yields dynamic
    outputs, the plan holds no step for them: what takes them waits for an output that no step
    has, and is skipped without an error, with all that follows (Dagster 1.13).
    """
    inner = {
        (str(step.node_handle), output.name)
        for step in plan.step_dict.values()
        if isinstance(step, UnresolvedMappedExecutionStep)
        for output in ops[str(step.node_handle)].output_defs
        if output.is_dynamic
    }
    cause: dict[str, str] = {}
    for step in plan.step_dict.values():  # in topological order
        for handle, output in _sources(step):
            if (handle, output) in inner or handle in cause:
                cause[str(step.node_handle)] = cause.get(handle, handle)
    return {
        fan_out: tuple(skipped for skipped, by in cause.items() if by == fan_out)
        for fan_out in dict.fromkeys(cause.values())
    }


def needed_by(handles: Sequence[str], steps: Mapping[str, Any]) -> list[str]:
    """All handles that the given ones need, in the plan's order; ``steps`` by handle."""
    by_key = {step.key: handle for handle, step in steps.items()}
    needed: set[str] = set()
    todo = list(handles)
    while todo:
        step = steps[todo.pop()]
        keys = (
            step.get_execution_dependency_keys()
            if hasattr(step, "get_execution_dependency_keys")
            else step.get_all_dependency_keys()
        )
        for key in keys:
            handle = by_key.get(key, key.partition("[")[0])
            if handle in steps and handle not in needed:
                needed.add(handle)
                todo.append(handle)
    return [handle for handle in steps if handle in needed]


def _sources(step: Any) -> Iterator[tuple[str, str]]:
    """(op's handle, output) of all that the step's inputs come from."""
    todo = [step_input.source for step_input in step.step_inputs]
    while todo:
        source = todo.pop()
        if hasattr(source, "unresolved_step_output_handle"):
            unresolved = source.unresolved_step_output_handle
            yield str(unresolved.unresolved_step_handle.node_handle), unresolved.output_name
        elif hasattr(source, "step_output_handle"):
            yield source.step_output_handle.step_key, source.step_output_handle.output_name
        todo += getattr(source, "sources", ())  # a plain fan-in
        todo += [source.source] if hasattr(source, "source") else []  # a collected one
