"""The contexts of direct calls: of an op, and of a hook that its step calls at its end."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterRun,
    HookContext,
    HookDefinition,
    JobDefinition,
    MultiPartitionsDefinition,
    TimeWindow,
    TimeWindowPartitionsDefinition,
    build_op_context,
)

from advisor.dagster_bridge.partitions import partitions_of
from advisor.dagster_bridge.private import DirectOpExecutionContext, NodeHandle, StepSuccessData


def call_context(
    run: DagsterRun, job: JobDefinition | None, handle: str, retry_number: int, **arguments: Any
) -> DirectOpExecutionContext:
    """A context to call an op with, ``arguments`` as of ``build_op_context``.

    Args:
        handle: The op's step key without a mapping key.
        retry_number: 0 for the first attempt.
        arguments: Resources, config, instance, partition and mapping key.
    """
    context = build_op_context(run_tags=run.tags, **arguments)
    context.__class__ = _CallContext
    context.__dict__["call_run"] = run
    context.__dict__["call_job"] = job
    context.__dict__["call_handle"] = NodeHandle.from_string(handle)
    context.__dict__["call_retry_number"] = retry_number
    return context


class _CallContext(DirectOpExecutionContext):
    """The context of a direct call that also answers what ops ask about their run.

    Dagster's own raises for these, so that an op that logs its job's name could not be measured.
    """

    @property
    def dagster_run(self) -> DagsterRun:
        """A run that the temporary instance alone knows of."""
        return cast("DagsterRun", self.__dict__["call_run"])

    @property
    def run(self) -> DagsterRun:
        """The same, by its newer name."""
        return self.dagster_run

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.dagster_run.run_id

    @property
    def run_config(self) -> dict[str, object]:
        """Its whole run config."""
        return dict(self.dagster_run.run_config)

    @property
    def job_name(self) -> str:
        """Its job's name."""
        return self.dagster_run.job_name

    @property
    def job_def(self) -> JobDefinition:
        """Its job, where there is one."""
        job = self.__dict__["call_job"]
        return cast("JobDefinition", job) if job is not None else super().job_def

    @property
    def node_handle(self) -> NodeHandle:
        """Where the op stands in the job's graph."""
        return cast("NodeHandle", self.__dict__["call_handle"])

    @property
    def op(self) -> Any:
        """The op as it stands there, with its name in the graph."""
        return self.job_def.get_node(self.node_handle)

    @property
    def has_partitions(self) -> bool:
        """Whether the run is for a partition."""
        return bool(self.has_partition_key)

    @property
    def selected_output_names(self) -> set[str]:
        """Those of the op: a run selects whole ops of a graph."""
        return {output.name for output in self.op_def.output_defs}

    @property
    def partition_time_window(self) -> TimeWindow:
        """Of the run's partition."""
        partitions = partitions_of(self.__dict__["call_job"])
        if isinstance(partitions, (TimeWindowPartitionsDefinition, MultiPartitionsDefinition)):
            return partitions.time_window_for_partition_key(self.partition_key)
        return super().partition_time_window

    @property
    def retry_number(self) -> int:
        """Of this attempt."""
        return int(self.__dict__["call_retry_number"])


def call_hook(
    hook: HookDefinition,
    call: DirectOpExecutionContext,
    step_key: str,
    outputs: Mapping[str, object],
    resources: Mapping[str, object],
) -> None:
    """Call a hook for a step that has succeeded; one for failures then does nothing.

    Raises:
        Exception: Whatever the hook raises; a run records that and goes on.
    """
    succeeded = DagsterEvent(
        event_type_value=DagsterEventType.STEP_SUCCESS.value,
        job_name=call.job_name,
        step_key=step_key,
        event_specific_data=StepSuccessData(duration_ms=0.0),  # type: ignore[no-untyped-call]
    )
    hook.hook_fn(CalledHookContext(hook, call, step_key, outputs, resources), [succeeded])


class CalledHookContext(HookContext):
    """What a hook may ask of the step that has called it.

    Its job, run, instance, op and log are those of the op's call, which stands for the step's
    context.
    """

    def __init__(
        self,
        hook: HookDefinition,
        call: DirectOpExecutionContext,
        step_key: str,
        outputs: Mapping[str, object],
        resources: Mapping[str, object],
    ) -> None:
        self._step_execution_context: Any = call
        self._hook_def, self._step_key = hook, step_key
        self._required_resource_keys = hook.required_resource_keys
        self._resources: Any = SimpleNamespace(**resources)
        self._outputs = dict(outputs)

    @property
    def step_key(self) -> str:
        """With the mapping key."""
        return self._step_key

    @property
    def op_config(self) -> Any:
        """The op's own config."""
        return self._step_execution_context.op_config

    @property
    def op_exception(self) -> BaseException | None:
        """None: the step has succeeded."""
        return None

    @property
    def op_output_values(self) -> Mapping[str, Any]:
        """What the op gave, by output."""
        return self._outputs

    @property
    def op_output_metadata(self) -> Mapping[str, Any]:
        """None is kept outside of a run."""
        return {}
