"""Call the user's ops directly: with config, resources and context, one context a call.

Nothing of a run is around the call: no steps, no events, no instance of the user's. Values pass
through the op's own IO manager only where ``store`` and ``load`` are called.
"""

from __future__ import annotations

import inspect
import logging
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from dagster import (
    DagsterInstance,
    DagsterRun,
    DynamicOutput,
    FilesystemIOManager,
    InputContext,
    IOManager,
    JobDefinition,
    OpDefinition,
    Output,
    OutputContext,
    ResourceDefinition,
    build_op_context,
    build_output_context,
    build_resources,
    op,
)

from advisor.dagster_bridge.awaiting import run_to_end
from advisor.dagster_bridge.plan import effective_run_config, resolved_run_config
from advisor.dagster_bridge.private import (
    ConfiguredDefinitionConfigSchema,
    DbIOManager,
    DirectOpExecutionContext,
    InMemoryIOManager,
    PickledObjectFilesystemIOManager,
    ResolvedRunConfig,
    default_job_io_manager,
    default_job_io_manager_with_fs_io_manager_schema,
)
from advisor.dagster_bridge.structure import SINGLE_RESULT, compute_function
from advisor.dagster_bridge.target import LoadedTarget
from advisor.dagster_bridge.user_frames import in_words
from advisor.dagster_bridge.user_path import calling_user_code
from advisor.domain.errors import DynadviseError, TargetError
from advisor.domain.workload import MappedOp, OpReference, WorkloadDescription

_EMPTY_CALLS = 5
"""Calls of an empty op that its price is known from; the first one, which imports, apart."""


@op
def _empty(context, item):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return item


class CannotStoreError(DynadviseError):
    """Why an op's values cannot be stored and loaded here: a fact, not a failure."""


class CannotInvokeError(DynadviseError):
    """Why an op cannot be called directly: a fact, not a failure of the user's code."""


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call with everything built around it: ``run`` is the user's code alone."""

    function: Callable[[], Any]
    op: OpDefinition | None
    close: Callable[[], None] = lambda: None

    def run(self) -> dict[str, object]:
        """Execute the user's code to its end; outputs by name.

        A dynamic output is a dict from mapping key to value.
        """
        try:
            returned = exhausted(self.function())
        finally:
            self.close()
        return _outputs_by_name(self.op, returned)


def exhausted(returned: object) -> object:
    """What a call really gives: coroutines awaited, generators run to their end as a list."""
    if inspect.iscoroutine(returned):
        return run_to_end(returned)
    if inspect.isasyncgen(returned):
        return run_to_end(_collected(returned))
    if inspect.isgenerator(returned):
        return list(returned)
    return returned


async def _collected(events: AsyncIterator[object]) -> list[object]:
    return [event async for event in events]


def _outputs_by_name(op: OpDefinition | None, returned: object) -> dict[str, object]:
    """Normalise what an op returned or yielded to values by output name."""
    if op is None:
        return {SINGLE_RESULT: returned}
    names = [output.name for output in op.output_defs]
    function = compute_function(op)
    yielded = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if isinstance(returned, list) and (
        yielded or (op.output_defs and op.output_defs[0].is_dynamic)
    ):
        events = returned
    elif isinstance(returned, (Output, DynamicOutput)):
        events = [returned]
    elif len(names) > 1 and isinstance(returned, tuple):
        events = [
            value if isinstance(value, (Output, DynamicOutput)) else Output(value, output_name=name)
            for name, value in zip(names, returned, strict=True)
        ]
    elif names:
        return {names[0]: returned}
    else:
        return {}
    outputs: dict[str, object] = {output.name: {} for output in op.output_defs if output.is_dynamic}
    for event in events:
        if isinstance(event, DynamicOutput):
            dynamic = cast("dict[str, object]", outputs.setdefault(event.output_name, {}))
            dynamic[event.mapping_key] = event.value
        elif isinstance(event, Output):
            outputs[event.output_name] = event.value
    return outputs


def _unless_unfit(key: str, manager: object) -> IOManager | CannotStoreError:
    """The manager, or why exercising it would tell nothing or touch what it must not."""
    reason = None
    if isinstance(manager, InMemoryIOManager):
        reason = "keeps values in memory: nothing is stored, and no other process can read it"
    elif isinstance(manager, DbIOManager):
        reason = "writes into database tables, which measuring must not touch"
    elif isinstance(manager, IOManager):
        return manager
    return CannotStoreError(f"IO manager '{key}' {reason or 'is not an IO manager'}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the debug line that an IO manager writes to the console for each value."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.DEBUG))
    try:
        yield
    finally:
        logging.disable(before)


class _CallContext(DirectOpExecutionContext):
    """The context of a direct call that also answers what ops ask about their run.

    Dagster's own raises for these, so that an op that logs its job's name could not be measured.
    """

    @property
    def dagster_run(self) -> DagsterRun:
        """A run that nobody else knows of."""
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
    def job_name(self) -> str:
        """Its job's name."""
        return self.dagster_run.job_name

    @property
    def job_def(self) -> JobDefinition:
        """Its job, where there is one."""
        job = self.__dict__["call_job"]
        return cast("JobDefinition", job) if job is not None else super().job_def

    @property
    def retry_number(self) -> int:
        """A call is a first attempt."""
        return 0


@dataclass(slots=True)
class Invocation:
    """The user's ops, ready to be called; safe to call from several threads.

    Made by ``open_invocation``, which also ends the resources.
    """

    loaded: LoadedTarget
    description: WorkloadDescription
    run_config: Mapping[str, Any]
    storage_directory: Path
    stack: ExitStack
    instance: DagsterInstance
    resolved: ResolvedRunConfig | None
    ops: Mapping[str, OpDefinition]
    run_id: str = field(default_factory=lambda: str(uuid4()))
    own_files_only: bool = False
    _resources: Mapping[str, object] | None = None
    _io_managers: dict[str, IOManager | CannotStoreError] = field(default_factory=dict)
    _manager_resources: dict[str, Any] = field(default_factory=dict)
    _written: list[tuple[IOManager, OutputContext]] = field(default_factory=list)

    # --- resources ---

    def start_resources(self) -> None:
        """Start the resources of the mapped ops (and of the fan-out op), as a step does.

        Called once; calling it again does nothing. IO managers are not among them.
        """
        if self._resources is not None:
            return
        references = [mapped.reference for mapped in self.description.mapped]
        keys = {key for reference in references for key in self._keys_of(reference)}
        self._resources = self._started(keys)

    def _keys_of(self, reference: OpReference) -> set[str]:
        op = self.ops.get(reference.handle)
        return set(op.required_resource_keys) if op else set()

    def _started(self, keys: set[str]) -> Mapping[str, object]:
        """Live resource objects for the keys and all that they need."""
        needed = self._with_dependencies(keys)
        if not needed:
            return {}
        resources = self.stack.enter_context(
            build_resources(
                {key: self.loaded.resource_defs[key] for key in needed},
                instance=self.instance,
                resource_config=self._resource_config(needed),
            )
        )
        return dict(resources.original_resource_dict)

    def _with_dependencies(self, keys: set[str]) -> set[str]:
        definitions = self.loaded.resource_defs
        missing = sorted(key for key in keys if key not in definitions)
        if missing:
            raise TargetError(
                f"There is no resource '{missing[0]}' for '{self.loaded.reference.spelled}'.",
                hint="Name the job that provides it, or put the resource into the Definitions.",
            )
        needed: set[str] = set()
        todo = list(keys)
        while todo:
            key = todo.pop()
            if key in needed:
                continue
            needed.add(key)
            todo.extend(definitions[key].get_required_resource_keys(definitions))
        return needed

    def _resource_config(self, keys: set[str]) -> dict[str, Any]:
        given = self.run_config.get("resources") or {}
        return {key: given[key] for key in keys if key in given}

    # --- calls ---

    def prepare(
        self, op: MappedOp | OpReference, inputs: Mapping[str, object], key: str | None = None
    ) -> PreparedCall:
        """Build the context of one call, so that ``PreparedCall.run`` times the op alone.

        Args:
            op: A mapped op, or any op of the job.
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
        if self._resources is None:
            self.start_resources()
        resources = dict(self._resources or {})
        absent = set(definition.required_resource_keys) - set(resources)
        if absent:
            resources.update(self._started(absent))
        # A started resource is passed as it is: each context would otherwise start it again.
        fixed = {
            name: ResourceDefinition.hardcoded_resource(resources[name])
            for name in definition.required_resource_keys
        }
        context = build_op_context(
            resources=fixed,
            config=self._op_config(reference, definition),
            instance=self.instance,
            mapping_key=key,
        )
        context.__class__ = _CallContext
        context.__dict__["call_run"] = self._run()
        context.__dict__["call_job"] = self.loaded.job
        opened = ExitStack()
        opened.enter_context(cast("AbstractContextManager[object]", context))
        return PreparedCall(lambda: definition(context, **inputs), definition, close=opened.close)

    def empty_call_s(self) -> float:
        """Seconds of a call that does nothing: what calling an op charges beside its own work.

        A run of the job has its own way to call ops; what that costs is the host's, not the op's.
        """
        if self.loaded.function is not None:
            return 0.0
        taken = []
        for _ in range(1 + _EMPTY_CALLS):
            with build_op_context(instance=self.instance) as context:
                prepared = PreparedCall(lambda given=context: _empty(given, item=0), _empty)  # type: ignore[misc]
                started = time.perf_counter()
                prepared.run()
                taken.append(time.perf_counter() - started)
        return statistics.median(taken[1:])

    def call(
        self, op: MappedOp | OpReference, inputs: Mapping[str, object], key: str | None = None
    ) -> dict[str, object]:
        """Call an op to its end; outputs by name (``result`` of a plain function)."""
        return self.prepare(op, inputs, key).run()

    def _run(self) -> DagsterRun:
        job_name = self.description.job_name or self.description.mapped[0].name
        return DagsterRun(job_name=job_name, run_id=self.run_id, run_config=dict(self.run_config))

    def _op_config(self, reference: OpReference, definition: OpDefinition) -> Any:
        """The op's config as the run would resolve it, or as it is given in the run config."""
        handle = reference.handle
        configured = isinstance(definition.config_schema, ConfiguredDefinitionConfigSchema)
        if self.resolved is not None and not configured and handle in self.resolved.ops:
            return self.resolved.ops[handle].config
        given: Any = self.run_config
        for part in reference.node_path:
            given = ((given or {}).get("ops") or {}).get(part) or {}
        return given.get("config")

    # --- IO managers ---

    def store(self, op: MappedOp, outputs: Mapping[str, object], index: int) -> None:
        """Store an op's outputs through its own IO managers, as step ``index`` of a run.

        Raises:
            CannotStoreError: With the reason, where its IO manager cannot be exercised here.
        """
        for name, value in outputs.items():
            manager = self._io_manager(op, name)
            context = self._output_context(op, name, index)
            with _quiet():
                manager.handle_output(context, value)
            if not str(self._path_of(manager)).startswith(str(self.storage_directory)):
                self._written.append((manager, context))

    def load(self, op: MappedOp, index: int) -> dict[str, object]:
        """Load what ``store`` stored for this index.

        Raises:
            CannotStoreError: As ``store``.
        """
        definition = self.ops.get(op.handle)
        loaded = {}
        for name in op.outputs:
            manager = self._io_manager(op, name)
            stored = self._output_context(op, name, index)
            context = InputContext(
                name=name,
                upstream_output=stored,
                log_manager=stored.log,
                dagster_type=(
                    definition.output_def_named(name).dagster_type if definition else None
                ),
                op_def=definition,
                resources=self._resources_of_manager(op, name),
                instance=self.instance,
            )
            with _quiet():
                loaded[name] = manager.load_input(context)
        return loaded

    def _output_context(self, op: MappedOp, name: str, index: int) -> OutputContext:
        definition = self.ops.get(op.handle)
        output = definition.output_def_named(name) if definition else None
        return build_output_context(
            step_key=f"{op.handle}[{index}]",
            name=name,
            run_id=self.run_id,
            definition_metadata=dict(output.metadata) if output and output.metadata else None,
            dagster_type=output.dagster_type if output else None,
            op_def=definition,
            resources=self._resources_of_manager(op, name),
            instance=self.instance,
        )

    def _resources_of_manager(self, op: MappedOp, output_name: str) -> Any:
        """What an IO manager finds in its context's ``resources``.

        Built once a manager: without it, Dagster makes an instance for every context (0.1 s).
        """
        key = self._manager_key(op, output_name)
        if key not in self._manager_resources:
            definition = self.loaded.resource_defs.get(key)
            started = self._started(set(definition.required_resource_keys) if definition else set())
            self._manager_resources[key] = self.stack.enter_context(
                build_resources(
                    {
                        name: ResourceDefinition.hardcoded_resource(value)
                        for name, value in started.items()
                    },
                    instance=self.instance,
                )
            )
        return self._manager_resources[key]

    def _manager_key(self, op: MappedOp, output_name: str) -> str:
        definition = self.ops.get(op.handle)
        return definition.output_def_named(output_name).io_manager_key if definition else ""

    def _io_manager(self, op: MappedOp, output_name: str) -> IOManager:
        key = self._manager_key(op, output_name)
        if key not in self._io_managers:
            self._io_managers[key] = self._opened_io_manager(key)
        manager = self._io_managers[key]
        if isinstance(manager, CannotStoreError):
            raise manager
        return manager

    def _opened_io_manager(self, key: str) -> IOManager | CannotStoreError:
        """The op's IO manager; one that writes files writes them into the storage directory."""
        definition = self.loaded.resource_defs.get(key)
        defaults = (default_job_io_manager, default_job_io_manager_with_fs_io_manager_schema)
        if definition is None or any(definition is default for default in defaults):
            return self._files()
        try:
            manager = self._started({key})[key]
        except DynadviseError as error:
            return CannotStoreError(error.what)
        except Exception as error:  # noqa: BLE001 - whatever the user's resource raises
            return CannotStoreError(f"IO manager '{key}' does not start: {in_words(error)}")
        if isinstance(manager, PickledObjectFilesystemIOManager):
            return self._files()
        if self.own_files_only:
            return CannotStoreError(
                f"IO manager '{key}' is the project's own, and was left alone "
                "(--no-allow-side-effects)."
            )
        return _unless_unfit(key, manager)

    def _files(self) -> IOManager:
        factory = FilesystemIOManager(base_dir=str(self.storage_directory))
        manager = self.stack.enter_context(
            build_resources({"io_manager": factory}, instance=self.instance)
        )
        return cast("IOManager", manager.io_manager)

    @staticmethod
    def _path_of(manager: IOManager) -> object:
        return getattr(manager, "_base_path", None)

    def remove_stored(self) -> None:
        """Remove what ``store`` left outside of the storage directory, as far as that can be."""
        for manager, context in self._written:
            get_path = getattr(manager, "_get_path", None)
            unlink = getattr(manager, "unlink", None)
            if get_path is None or unlink is None:
                continue
            with suppress(Exception):
                path = get_path(context)
                unlink(path)
                folder = path.parent
                if self.run_id in str(folder) and hasattr(folder, "rmdir"):
                    folder.rmdir()
                    folder.parent.rmdir()
        self._written.clear()


def item_inputs(
    op: MappedOp,
    sample: Mapping[str, object],
    results: Mapping[str, Mapping[str, object]],
    fixed: Mapping[str, Mapping[str, object]],
) -> dict[str, object]:
    """The inputs of one mapped op for one item.

    Args:
        op: The op to call next.
        sample: The item's own inputs, as sampled for the first op of the chain.
        results: Outputs by name of the chain's ops that were called for this item, by handle.
        fixed: The inputs that are the same for every item, by handle.
    """
    inputs = dict(fixed.get(op.handle, {}))
    for name in op.inputs:
        handle, output = op.sources.get(name, ("", ""))
        if handle in results and output in results[handle]:
            inputs[name] = results[handle][output]
        elif name in sample and (handle not in results):
            inputs[name] = sample[name]
    if op.sources and op.item_input and op.item_input not in inputs and len(sample) == 1:
        # Another op of the chain takes the same item under another name.
        inputs[op.item_input] = next(iter(sample.values()))
    return inputs


def import_instances() -> None:
    """Import what every ephemeral instance needs: once for all that a process forks."""
    with DagsterInstance.ephemeral():
        pass


@contextmanager
def open_invocation(
    loaded: LoadedTarget,
    description: WorkloadDescription,
    run_config: Mapping[str, Any] | None,
    storage_directory: Path,
    *,
    own_files_only: bool = False,
) -> Iterator[Invocation]:
    """Make the target's ops callable; on leaving, resources end and stored values are removed.

    Args:
        loaded: The live objects.
        description: Which ops are mapped.
        run_config: Config of ops and resources.
        storage_directory: Where a file IO manager writes; made if absent.
        own_files_only: Whether no IO manager of the project's own is exercised.

    Raises:
        TargetError: The run config does not fit the job.
    """
    storage_directory.mkdir(parents=True, exist_ok=True)
    job = loaded.job
    config = effective_run_config(job, run_config) if job else (run_config or {})
    resolved = resolved_run_config(job, run_config, needed=True) if job else None
    with ExitStack() as stack:
        stack.enter_context(calling_user_code())
        instance = stack.enter_context(DagsterInstance.ephemeral())
        invocation = Invocation(
            loaded=loaded,
            description=description,
            run_config=config,
            storage_directory=storage_directory,
            stack=stack,
            instance=instance,
            resolved=resolved,
            ops=loaded.ops,
            own_files_only=own_files_only,
        )
        try:
            yield invocation
        finally:
            invocation.remove_stored()
            shutil.rmtree(storage_directory / invocation.run_id, ignore_errors=True)
