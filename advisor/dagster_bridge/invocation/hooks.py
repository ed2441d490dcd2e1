"""Hooks of an op, called as a run calls them: in the step, after its last event."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from dagster import DagsterEvent, DagsterEventType, HookContext, HookDefinition

from advisor.dagster_bridge.private import DirectOpExecutionContext, StepSuccessData


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
    """What a hook may ask of the step that has called it."""

    def __init__(
        self,
        hook: HookDefinition,
        call: DirectOpExecutionContext,
        step_key: str,
        outputs: Mapping[str, object],
        resources: Mapping[str, object],
    ) -> None:
        self._call, self._hook_def, self._step_key = call, hook, step_key
        self._required_resource_keys = hook.required_resource_keys
        self._resources: Any = SimpleNamespace(**resources)
        self._outputs = dict(outputs)

    @property
    def job_name(self) -> str:
        """Of the op's job."""
        return self._call.job_name

    @property
    def run_id(self) -> str:
        """Of the run that the call seems to be of."""
        return self._call.run_id

    @property
    def instance(self) -> Any:
        """The temporary instance."""
        return self._call.instance

    @property
    def op(self) -> Any:
        """The op as it stands in the graph."""
        return self._call.op

    @property
    def step_key(self) -> str:
        """With the mapping key."""
        return self._step_key

    @property
    def op_config(self) -> Any:
        """The op's own config."""
        return self._call.op_config

    @property
    def log(self) -> Any:
        """That of the op: a line of it is an event of the step."""
        return self._call.log

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
