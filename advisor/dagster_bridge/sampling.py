"""The items to measure, as the fan-out op really yields them.

The fan-out op and what it needs upstream run for real, once; nothing downstream does.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    ExecuteInProcessResult,
    JobDefinition,
)

from advisor.dagster_bridge.invocation import Invocation, open_invocation
from advisor.dagster_bridge.part_of_job import execute_part
from advisor.dagster_bridge.partitions import add_partition
from advisor.dagster_bridge.plan import execution_plan, needed_by
from advisor.dagster_bridge.private import (
    FromConfig,
    FromDefaultValue,
    FromDirectInputValue,
    FromDynamicCollect,
    FromLoadableAsset,
    FromMultipleSources,
    FromStepOutput,
    compute_function,
)
from advisor.dagster_bridge.source_hash import source_location
from advisor.dagster_bridge.structure import value_inputs
from advisor.dagster_bridge.target import LoadedTarget, with_upstream_assets
from advisor.dagster_bridge.user_frames import last_frames, root_cause, user_location
from advisor.domain.errors import TargetError, UserCodeError
from advisor.domain.inputs_tag import no_samples
from advisor.domain.item_sample import RunIdentity
from advisor.domain.workload import OpReference, WorkloadDescription


@dataclass(frozen=True, slots=True)
class SampleItem:
    """One item: its mapping key, where it has one, and the first mapped op's item inputs."""

    key: str | None
    inputs: dict[str, object]


@dataclass(frozen=True, slots=True)
class DrawnSamples:
    """What the fan-out op yielded, and what that took.

    Attributes:
        items: As many as were asked for, in the order in which they were yielded.
        fixed_inputs: For each mapped op, by handle, the inputs that are the same for every item.
        fan_out_s: Compute seconds of the fan-out op; None where the user gave the items.
        upstream_s: Compute seconds of the ops before it.
        total_items: How many items were yielded in all.
        op_executions: How many executions of the user's ops drawing them took.
        run_tags: Of the run, with those that the ops gave it.
    """

    items: list[SampleItem]
    fixed_inputs: dict[str, dict[str, object]] = field(default_factory=dict)
    fan_out_s: float | None = None
    upstream_s: float = 0.0
    total_items: int = 0
    op_executions: int = 0
    run_tags: Mapping[str, str] = field(default_factory=dict)


# --- from the job ---------------------------------------------------------------------------


def draw_samples(
    loaded: LoadedTarget,
    description: WorkloadDescription,
    run_config: Mapping[str, Any] | None,
    limit: int | None,
    *,
    within: Path | None = None,
    identity: RunIdentity | None = None,
) -> DrawnSamples:
    """Run what is upstream and the fan-out op itself, for real, and keep what it yields.

    An asset that needs other assets has these computed too; they are kept in memory, not stored.

    Args:
        limit: Most items to keep; None: all.
        within: A folder of a process that outlives this one, for all files of the drawing: the
            fan-out op may end this process, which then removes nothing. None: the system's.

    Raises:
        UserCodeError: An op raised; the message names it and shows the last frames.
        TargetError: There is no fan-out op to run (a bare op or function), it yielded nothing,
            or an input of it comes from where it cannot be read.
    """
    fan_out = description.fan_out
    if fan_out is None or loaded.job is None:
        raise no_samples(description)
    with (
        tempfile.TemporaryDirectory(prefix="dynadvise-draw-", dir=within) as folder,
        open_invocation(
            loaded, description, run_config, Path(folder), identity=identity
        ) as invocation,
    ):
        upstream = _Upstream(loaded, invocation, folder)
        steps = upstream.plan_for([fan_out.handle, *(op.handle for op in description.mapped)])
        if compute_function(loaded.ops[fan_out.handle]) is None:
            fan_out_s = upstream.run(also=fan_out.handle)
            outputs = upstream.outputs_of(fan_out.handle)
        else:
            upstream.run()
            inputs = upstream.inputs_of(steps[fan_out.handle])
            outputs, fan_out_s = _call(invocation, fan_out, inputs)
        upstream.given[fan_out.handle] = outputs
        fixed = {
            mapped.handle: upstream.inputs_of(steps[mapped.handle], only=mapped.fixed_inputs)
            for mapped in description.mapped
        }
        run_tags = invocation.tags
    items = _sample_items(fan_out, description, outputs)
    return DrawnSamples(
        items=items[:limit],
        fixed_inputs=fixed,
        fan_out_s=fan_out_s,
        upstream_s=upstream.compute_s,
        total_items=len(items),
        op_executions=upstream.executions + 1,
        run_tags=run_tags,
    )


def _sample_items(
    fan_out: OpReference, description: WorkloadDescription, outputs: Mapping[str, object]
) -> list[SampleItem]:
    """What the fan-out op yielded, as inputs of the first mapped op."""
    yielded = _yielded(description, outputs)
    if not yielded:
        raise TargetError(
            f"The fan-out op '{fan_out.name}' yielded no item, so there is nothing to measure.",
            where=str(fan_out.location) if fan_out.location else None,
            hint="Give sample items with --inputs, or a run config under which it yields some.",
        )
    sources = description.mapped[0].sources
    names = [name for name, source in sources.items() if source[0] == fan_out.handle]
    return [SampleItem(key, dict.fromkeys(names, value)) for key, value in yielded]


def _yielded(
    description: WorkloadDescription, outputs: Mapping[str, object]
) -> list[tuple[str, object]]:
    """Mapping keys and values of the dynamic output that is mapped."""
    assert description.fan_out is not None
    for mapped in description.mapped:
        for handle, output in mapped.sources.values():
            if handle == description.fan_out.handle:
                values = outputs.get(output)
                return list(values.items()) if isinstance(values, dict) else []
    # Mapped for its order alone (a Nothing input): the first dynamic output.
    dynamic = [value for value in outputs.values() if isinstance(value, dict)]
    return list(dynamic[0].items()) if dynamic else []


def _call(
    invocation: Invocation, op: OpReference, inputs: Mapping[str, object]
) -> tuple[dict[str, object], float]:
    """Outputs of an op by name, and its seconds."""
    prepared = invocation.prepare(op, inputs)
    started = time.perf_counter()
    try:
        outputs = prepared.run()
    except (Exception, SystemExit) as error:
        raise _raised([op.handle], invocation.loaded, error) from error
    return outputs, time.perf_counter() - started


def _is_loaded_asset(step: Any) -> bool:
    return any(isinstance(step_input.source, FromLoadableAsset) for step_input in step.step_inputs)


def _raised(handles: Sequence[str], loaded: LoadedTarget, error: BaseException) -> UserCodeError:
    """Which of the ops failed, at the user's line, or else at the op's own."""
    failed = getattr(error, "step_key", None) or handles[-1]
    function = compute_function(loaded.ops.get(failed))
    location = user_location(error) or source_location(function)
    cause = type(root_cause(error))
    hint = "Correct the op, or give sample items with --inputs."
    if cause.__module__.partition(".")[0] == "dagster":
        hint = "If it works in a run, give sample items with --inputs FILE or module:callable."
    return UserCodeError(
        f"'{failed}' raised {cause.__name__} while the samples were taken.",
        where=str(location) if location else None,
        details=last_frames(error),
        hint=hint,
    )


@dataclass(slots=True)
class _Upstream:
    """The ops that must run before the fan-out op, and the values that they gave.

    Attributes:
        given: What ops gave that were called by themselves, by handle and output.
    """

    loaded: LoadedTarget
    invocation: Invocation
    folder: str
    compute_s: float = 0.0
    executions: int = 0
    given: dict[str, Mapping[str, object]] = field(default_factory=dict)
    _job: JobDefinition | None = None
    _handles: list[str] = field(default_factory=list)
    _result: Any = None

    def plan_for(self, handles: list[str]) -> dict[str, Any]:
        """The plan's steps by handle; what the given ones need is what ``run`` will run.

        Where an input is an asset that another step of the definitions makes, that step is
        planned too.
        """
        assert self.loaded.job is not None
        self._job = self.loaded.job
        steps = self._steps()
        needed = needed_by(handles, steps)
        if any(_is_loaded_asset(steps[handle]) for handle in (*handles, *needed)):
            larger = with_upstream_assets(self.loaded)
            if larger is not None:
                self._job = larger
                steps = self._steps()
                needed = needed_by(handles, steps)
        mapped = {op.handle for op in self.invocation.description.mapped}
        self._handles = [
            handle for handle in needed if handle not in mapped and handle != handles[0]
        ]
        return steps

    def _steps(self) -> dict[str, Any]:
        assert self._job is not None
        plan = execution_plan(self._job, self.invocation.run_config)
        return {str(step.node_handle): step for step in plan.step_dict.values()}

    def run(self, also: str | None = None) -> float:
        """Run these ops in one in-process run on an instance of its own.

        ``also``: one op more, which can only be executed inside a run; its seconds are returned.
        """
        handles = [*self._handles, *([also] if also else [])]
        if not handles:
            return 0.0
        self._result = result = self._execute(handles)
        seconds = {
            str(event.step_key): (event.step_success_data.duration_ms or 0.0) / 1000.0
            for event in result.all_events
            if event.is_step_success
        }
        own_s = seconds.pop(also, 0.0) if also else 0.0
        self.compute_s, self.executions = sum(seconds.values()), len(seconds)
        return own_s

    def outputs_of(self, handle: str) -> dict[str, object]:
        """What an op gave that was run, by output."""
        outputs = self.loaded.ops[handle].output_defs
        return {each.name: self._result.output_for_node(handle, each.name) for each in outputs}

    def _execute(self, handles: list[str]) -> ExecuteInProcessResult:
        job = self._job
        assert job is not None
        try:
            with DagsterInstance.ephemeral(tempdir=self.folder) as instance:
                add_partition(instance, job, self.invocation.description.partition)
                result = execute_part(job, handles, self.invocation.run, instance)
                self.invocation.add_tags(instance)
        except (DagsterInvalidConfigError, DagsterInvalidDefinitionError) as error:
            raise TargetError(
                f"Dagster does not run {', '.join(handles)} alone, which the fan-out op needs.",
                details=str(error),
                hint="Give sample items with --inputs FILE or --inputs module:callable.",
            ) from error
        except (Exception, SystemExit) as error:
            raise _raised(handles, self.loaded, error) from error
        return result

    def inputs_of(self, step: Any, only: Sequence[str] | None = None) -> dict[str, object]:
        """Values of a step's inputs that do not change with the item; defaults are left out."""
        named = value_inputs(self.loaded.ops[str(step.node_handle)])
        inputs: dict[str, object] = {}
        for step_input in step.step_inputs:
            name = step_input.name
            if name not in (named if only is None else only):
                continue
            source = step_input.source
            if isinstance(source, FromDefaultValue):
                continue
            inputs[name] = self._value(source, str(step.node_handle), name)
        return inputs

    def _value(self, source: Any, handle: str, name: str) -> object:
        if isinstance(source, FromStepOutput):
            return self._given(source.step_output_handle, handle)
        if isinstance(source, FromMultipleSources):
            return [self._value(inner, handle, name) for inner in source.sources]
        if isinstance(source, FromDynamicCollect):
            output = source.get_step_output_handle_dep_with_placeholder()
            values = self._result.output_for_node(
                output.step_key.partition("[")[0], output.output_name
            )
            return list(values.values())
        if isinstance(source, FromConfig):
            return self._from_config(source, handle, name)
        if isinstance(source, FromDirectInputValue):
            assert self._job is not None
            return self._job.get_direct_input_value(source.input_name)
        raise TargetError(
            f"Input '{name}' of op '{handle}' comes from a {type(source).__name__}, "
            "which cannot be read outside of a run.",
            hint="Give sample items with --inputs FILE or --inputs module:callable.",
        )

    def _given(self, output: Any, handle: str) -> object:
        """What an op that has run gave by an output.

        Raises:
            TargetError: It is an optional one, and was not given.
        """
        by_itself = self.given.get(output.step_key)
        try:
            if by_itself is not None:
                return by_itself[output.output_name]
            return self._result.output_for_node(output.step_key, output.output_name)
        except (KeyError, DagsterInvariantViolationError) as error:
            raise TargetError(
                f"'{output.step_key}' did not give its output '{output.output_name}', which "
                f"'{handle}' needs: a run skips that.",
                hint="Give a run config under which it does, or sample items with --inputs.",
            ) from error

    def _from_config(self, source: FromConfig, handle: str, name: str) -> object:
        resolved = self.invocation.resolved
        assert resolved is not None
        op_config = (
            resolved.ops[str(source.node_handle)].inputs[source.input_name]
            if source.node_handle is not None
            else resolved.inputs[source.input_name]
        )
        loader = self.loaded.ops[handle].input_def_named(name).dagster_type.loader
        if loader is None:
            return op_config
        return loader.construct_from_config_value(None, op_config)  # type: ignore[arg-type]
