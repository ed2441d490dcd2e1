"""The user's ops made callable: with config, resources and context, one context a call.

Nothing of a run is around the call: no steps, no events, no instance of the user's.
"""

import shutil
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    OpDefinition,
    build_op_context,
    op,
)

from advisor.dagster_bridge.invocation.calls import PreparedCall, RecordedEvents
from advisor.dagster_bridge.invocation.context import call_context, call_hook
from advisor.dagster_bridge.invocation.resources import Resources, StepValues, as_definitions
from advisor.dagster_bridge.partitions import add_partition, key_for_context, run_tags
from advisor.dagster_bridge.plan import (
    config_behind_mapping,
    effective_run_config,
    hooks_of,
    resolved_run_config,
)
from advisor.dagster_bridge.private import (
    ConfiguredDefinitionConfigSchema,
    NodeHandle,
    ResolvedRunConfig,
    compute_function,
)
from advisor.dagster_bridge.target import LoadedTarget
from advisor.dagster_bridge.user_path import calling_user_code
from advisor.domain.errors import DynadviseError
from advisor.domain.item_sample import RunIdentity
from advisor.domain.options import Storing
from advisor.domain.workload import MappedOp, OpReference, WorkloadDescription

_EMPTY_CALLS = 5
"""Calls of an empty op that its price is known from; the first one, which imports, apart."""


@op
def _empty(context, item):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return item


class CannotInvokeError(DynadviseError):
    """Why an op cannot be called directly: a fact, not a failure of the user's code."""


@dataclass(slots=True)
class Invocation:
    """The user's ops, ready to be called; safe to call from several threads.

    Made by ``open_invocation``, which also ends the resources.

    Attributes:
        run: The run that the ops believe to be part of; the temporary instance alone holds it.
        values: What steps give, through the ops' own IO managers.
    """

    loaded: LoadedTarget
    description: WorkloadDescription
    run_config: Mapping[str, Any]
    resolved: ResolvedRunConfig | None
    run: DagsterRun
    resources: Resources
    values: StepValues
    _started: Mapping[str, object] | None = None

    @property
    def ops(self) -> Mapping[str, OpDefinition]:
        """All ops of the job by handle; a bare op by its name."""
        return self.loaded.ops

    @property
    def tags(self) -> Mapping[str, str]:
        """The run's, with those that the ops gave it through the instance."""
        run = self.resources.instance.get_run_by_id(self.run.run_id)
        return run.tags if run else {}

    def add_tags(self, other: DagsterInstance) -> None:
        """Tags that ops of the run gave it through another temporary instance."""
        if (run := other.get_run_by_id(self.run.run_id)) is not None:
            self.resources.instance.add_run_tags(run.run_id, run.tags)

    def start_resources(self) -> None:
        """Start the resources of the mapped ops, as a step does.

        Called once; calling it again does nothing. IO managers are not among them.
        """
        if self._started is not None:
            return
        handles = [op.handle for op in self.description.mapped if op.handle in self.ops]
        hooks = (hook for handle in handles for hook in hooks_of(self.loaded.job, handle))
        keys = {key for handle in handles for key in self.ops[handle].required_resource_keys}
        keys |= {key for hook in hooks for key in hook.required_resource_keys}
        self._started = self.resources.started(keys)

    def prepare(
        self, op: MappedOp | OpReference, inputs: Mapping[str, object], key: str | None = None
    ) -> PreparedCall:
        """Build the context of one call, so that ``PreparedCall.run`` times the op alone.

        Args:
            inputs: Values by input name; inputs that have a default may be left out.
            key: The mapping key, for ops that ask their context for it.

        Raises:
            CannotInvokeError: The op was not made of a decorated function.
        """
        if self.loaded.function is not None:
            function = self.loaded.function
            return PreparedCall(lambda: function(**inputs), None)
        reference = op.reference if isinstance(op, MappedOp) else op
        definition = self.ops[reference.handle]
        if compute_function(definition) is None:
            raise CannotInvokeError(
                f"Op '{reference.name}' was not made of a decorated function, "
                "so that it cannot be called outside of a run."
            )
        if isinstance(op, MappedOp):  # else only those of the op itself, as its own step does
            self.start_resources()
        events = RecordedEvents(len(hooks_of(self.loaded.job, reference.handle)))
        return self._attempt(reference, inputs, key, events)

    def _attempt(
        self,
        reference: OpReference,
        inputs: Mapping[str, object],
        key: str | None,
        events: RecordedEvents,
    ) -> PreparedCall:
        """The next attempt of a call."""
        definition = self.ops[reference.handle]
        resources = dict(self._started or {})
        required = set(definition.required_resource_keys)
        resources.update(self.resources.started(required - set(resources)))
        context = call_context(
            self.run,
            self.loaded.job,
            reference.handle,
            events.attempts - 1,
            resources=as_definitions({name: resources[name] for name in required}),
            config=self._op_config(reference, definition),
            instance=self.resources.instance,
            mapping_key=key,
            partition_key=key_for_context(self.loaded.job, self.description.partition),
        )
        opened = ExitStack()
        opened.enter_context(cast("AbstractContextManager[object]", context))
        context.log.addHandler(events)
        return PreparedCall(
            lambda: definition(context, **inputs),
            definition,
            opened.close,
            context,
            events,
            again=lambda: self._attempt(reference, inputs, key, events),
            policy_retries=self._policy_retries(reference.handle),
        )

    def _policy_retries(self, handle: str) -> int:
        """How often a run retries an op that fails."""
        job, definition = self.loaded.job, self.ops[handle]
        of_job = job.get_retry_policy_for_handle(NodeHandle.from_string(handle)) if job else None
        policy = of_job or definition.retry_policy
        return policy.max_retries if policy else 0

    def call_hooks(
        self, op: MappedOp, called: PreparedCall, outputs: Mapping[str, object], key: str | None
    ) -> dict[str, Exception]:
        """Call the hooks of an op that has given its outputs, as the end of its step does.

        Hook to what it raised: a run records that, and goes on.
        """
        raised: dict[str, Exception] = {}
        if called.context is None:
            return raised
        step_key = f"{op.handle}[{key}]" if key else op.handle
        for hook in hooks_of(self.loaded.job, op.handle):
            started = self._started or {}
            own = {name: started[name] for name in hook.required_resource_keys}
            try:
                call_hook(hook, called.context, step_key, outputs, own)
            except Exception as error:  # noqa: BLE001 - whatever the user's hook raises
                raised[hook.name] = error
        return raised

    def empty_call_s(self) -> float:
        """Seconds of a call that does nothing: what calling an op charges beside its own work.

        A run of the job has its own way to call ops; what that costs is the host's, not the op's.
        """
        if self.loaded.function is not None:
            return 0.0
        seconds = []
        for _ in range(1 + _EMPTY_CALLS):
            with build_op_context(instance=self.resources.instance) as context:
                prepared = PreparedCall(lambda each=context: _empty(each, item=0), _empty)  # type: ignore[misc]
                started = time.perf_counter()
                prepared.run()
                seconds.append(time.perf_counter() - started)
        return statistics.median(seconds[1:])

    def call(
        self, op: MappedOp | OpReference, inputs: Mapping[str, object], key: str | None = None
    ) -> dict[str, object]:
        """Call an op to its end; outputs by name (``result`` of a plain function)."""
        return self.prepare(op, inputs, key).run()

    def _op_config(self, reference: OpReference, definition: OpDefinition) -> Any:
        """The op's config as the run would resolve it, or as it is given in the run config."""
        handle = reference.handle
        configured = isinstance(definition.config_schema, ConfiguredDefinitionConfigSchema)
        if self.resolved is not None and not configured and handle in self.resolved.ops:
            return self.resolved.ops[handle].config
        config: Any = self.run_config
        for part in reference.node_path:
            config = ((config or {}).get("ops") or {}).get(part) or {}
        return config.get("config")


@contextmanager
def open_invocation(
    loaded: LoadedTarget,
    description: WorkloadDescription,
    run_config: Mapping[str, Any] | None,
    storage_directory: Path,
    *,
    storing: Storing = Storing.BY_RUN,
    identity: RunIdentity | None = None,
) -> Iterator[Invocation]:
    """Make the target's ops callable; on leaving, resources end and stored values are removed.

    Args:
        storage_directory: Where a file IO manager writes; made if absent.
        storing: Which IO managers of the project's own are used.
        identity: Of the run that the calls seem to be of; None: one of its own.

    Raises:
        TargetError: The run config does not fit the job.
    """
    storage_directory.mkdir(parents=True, exist_ok=True)
    job = loaded.job
    partition, identity = description.partition, identity or RunIdentity()
    config = effective_run_config(job, run_config, partition) if job else (run_config or {})
    resolved = resolved_run_config(job, config, needed=True) if job else None
    with ExitStack() as stack:
        stack.enter_context(calling_user_code())
        instance = stack.enter_context(DagsterInstance.ephemeral())
        whole = config_behind_mapping(job, config) if job else config
        job_name = description.job_name or description.mapped[0].name
        run = DagsterRun(
            job_name=job_name,
            run_id=identity.run_id,
            run_config=dict(config),
            tags={**run_tags(job, partition), **identity.tags},
            status=DagsterRunStatus.STARTED,
        )
        instance.add_run(run)
        resources = Resources(loaded, whole.get("resources") or {}, instance, stack, run)
        add_partition(instance, job, partition)
        values = StepValues(resources, storage_directory, run.run_id, storing)
        try:
            yield Invocation(loaded, description, config, resolved, run, resources, values)
        finally:
            values.remove()
            shutil.rmtree(storage_directory / run.run_id, ignore_errors=True)
