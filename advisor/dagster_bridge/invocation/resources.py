"""The resources that a target's ops need, and their IO managers, as a step has them."""

import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dagster import (
    DagsterInstance,
    DagsterRun,
    FilesystemIOManager,
    InputContext,
    IOManager,
    OutputContext,
    ResourceDefinition,
    UPathIOManager,
    build_output_context,
    build_resources,
)

from advisor.dagster_bridge.private import (
    DbIOManager,
    InMemoryIOManager,
    PickledObjectFilesystemIOManager,
    is_default_io_manager,
)
from advisor.dagster_bridge.target import LoadedTarget
from advisor.dagster_bridge.user_frames import in_words
from advisor.domain.errors import DynadviseError, TargetError
from advisor.domain.options import Storing
from advisor.domain.workload import MappedOp


def as_definitions(resources: Mapping[str, object]) -> dict[str, ResourceDefinition]:
    """Started resources, to be passed on as they are: Dagster would start them again."""
    return {key: ResourceDefinition.hardcoded_resource(value) for key, value in resources.items()}


@dataclass(frozen=True, slots=True)
class Resources:
    """Starts resources of the target; they end with ``stack``.

    Attributes:
        config: The run config's part for resources.
        run: The run that they are told to be started for.
    """

    loaded: LoadedTarget
    config: Mapping[str, Any]
    instance: DagsterInstance
    stack: ExitStack
    run: DagsterRun

    def started(self, keys: set[str]) -> Mapping[str, object]:
        """Live resource objects for the keys and all that they need.

        Raises:
            TargetError: The target has no such resource.
        """
        needed = self._with_dependencies(keys)
        if not needed:
            return {}
        definitions = {key: self.loaded.resource_defs[key] for key in needed}
        config = {key: self.config[key] for key in needed if key in self.config}
        return dict(self.entered(definitions, config).original_resource_dict)

    def entered(
        self, definitions: Mapping[str, Any], config: Mapping[str, Any] | None = None
    ) -> Any:
        """Dagster's object of live resources, which ends with the stack."""
        return self.stack.enter_context(
            build_resources(
                dict(definitions),
                instance=self.instance,
                resource_config=dict(config or {}),
                dagster_run=self.run,
            )
        )

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


class CannotStoreError(DynadviseError):
    """Why an op's values cannot be stored and loaded here: a fact, not a failure."""


@dataclass(slots=True)
class StepValues:
    """Stores and loads what steps give, through the ops' own IO managers.

    Attributes:
        directory: Where a manager that writes files writes them.
        storing: Which IO managers of the project's own are used.
    """

    resources: Resources
    directory: Path
    run_id: str
    storing: Storing = Storing.BY_RUN
    _managers: dict[str, IOManager | CannotStoreError] = field(default_factory=dict)
    _manager_resources: dict[str, Any] = field(default_factory=dict)
    _written: list[tuple[IOManager, OutputContext]] = field(default_factory=list)

    def managers(self, op: MappedOp) -> list[IOManager]:
        """The managers of the op's outputs, each once.

        Raises:
            CannotStoreError: With the reason, where one cannot be exercised here.
        """
        managers = [self._manager(op, name) for name in op.outputs]
        return list({id(manager): manager for manager in managers}.values())

    def store(self, op: MappedOp, outputs: Mapping[str, object], index: int) -> None:
        """Store an op's outputs, as step ``index`` of a run.

        Raises:
            CannotStoreError: As :meth:`managers`.
        """
        for name, value in outputs.items():
            manager = self._manager(op, name)
            context = self._output_context(op, name, index)
            if self.storing is not Storing.ANY and isinstance(manager, UPathIOManager):
                self._check_place(manager, context)
            with _quiet():
                manager.handle_output(context, value)
            if not str(getattr(manager, "_base_path", None)).startswith(str(self.directory)):
                self._written.append((manager, context))

    def _check_place(self, manager: UPathIOManager, context: OutputContext) -> None:
        """Refuse a file whose name does not hold the run: another run's might be it."""
        if self.run_id not in str(manager._get_path(context)):
            raise CannotStoreError(_OF_ANOTHER_RUN.format(type(manager).__name__))

    def load(
        self, op: MappedOp, index: int, outputs: Iterable[str] | None = None
    ) -> dict[str, object]:
        """Load what ``store`` stored for this index; ``outputs``: those that were given.

        Raises:
            CannotStoreError: As :meth:`managers`.
        """
        values = {}
        for name in op.outputs if outputs is None else outputs:
            manager = self._manager(op, name)
            stored = self._output_context(op, name, index)
            output = self._output(op, name)
            context = InputContext(
                name=name,
                upstream_output=stored,
                log_manager=stored.log,
                dagster_type=output.dagster_type if output else None,
                op_def=self.resources.loaded.ops.get(op.handle),
                resources=self._resources_of(op, name),
                instance=self.resources.instance,
            )
            with _quiet():
                values[name] = manager.load_input(context)
        return values

    def remove(self) -> None:
        """Remove what was stored outside of the directory, as far as that can be."""
        for manager, context in self._written:
            get_path = getattr(manager, "_get_path", None)
            unlink = getattr(manager, "unlink", None)
            if get_path is None or unlink is None:
                continue
            with suppress(Exception):
                path = get_path(context)
                if self.run_id not in str(path):
                    continue
                unlink(path)
                folder = path.parent
                if self.run_id in str(folder) and hasattr(folder, "rmdir"):
                    folder.rmdir()
                    folder.parent.rmdir()
        self._written.clear()

    def _output(self, op: MappedOp, name: str) -> Any:
        definition = self.resources.loaded.ops.get(op.handle)
        return definition.output_def_named(name) if definition else None

    def _output_context(self, op: MappedOp, name: str, index: int) -> OutputContext:
        output = self._output(op, name)
        return build_output_context(
            step_key=f"{op.handle}[{index}]",
            name=name,
            run_id=self.run_id,
            definition_metadata=dict(output.metadata) if output and output.metadata else None,
            dagster_type=output.dagster_type if output else None,
            op_def=self.resources.loaded.ops.get(op.handle),
            resources=self._resources_of(op, name),
            instance=self.resources.instance,
        )

    def _resources_of(self, op: MappedOp, output_name: str) -> Any:
        """What the output's IO manager finds in its context's ``resources``.

        Built once a manager: without it, Dagster makes an instance for every context (0.1 s).
        """
        key = self._key(op, output_name)
        if key not in self._manager_resources:
            definition = self.resources.loaded.resource_defs.get(key)
            keys = set(definition.required_resource_keys) if definition else set()
            started = self.resources.started(keys)
            self._manager_resources[key] = self.resources.entered(as_definitions(started))
        return self._manager_resources[key]

    def _key(self, op: MappedOp, output_name: str) -> str:
        output = self._output(op, output_name)
        return output.io_manager_key if output else ""

    def _manager(self, op: MappedOp, output_name: str) -> IOManager:
        key = self._key(op, output_name)
        if key not in self._managers:
            self._managers[key] = self._opened(key)
        manager = self._managers[key]
        if isinstance(manager, CannotStoreError):
            raise manager
        return manager

    def _opened(self, key: str) -> IOManager | CannotStoreError:
        """The manager of a key; one that writes files writes them into the directory."""
        definition = self.resources.loaded.resource_defs.get(key)
        if definition is None or is_default_io_manager(definition):
            return self._files()
        try:
            manager = self.resources.started({key})[key]
        except DynadviseError as error:
            return CannotStoreError(error.what)
        except Exception as error:  # noqa: BLE001 - whatever the user's resource raises
            return CannotStoreError(f"IO manager '{key}' does not start: {in_words(error)}")
        if isinstance(manager, PickledObjectFilesystemIOManager):
            return self._files()
        if self.storing is Storing.NONE:
            return CannotStoreError(
                f"IO manager '{key}' is the project's own, and was left alone "
                "(--no-allow-side-effects)."
            )
        return _unless_unfit(key, manager, self.storing)

    def _files(self) -> IOManager:
        factory = FilesystemIOManager(base_dir=str(self.directory))
        return cast("IOManager", self.resources.entered({"io_manager": factory}).io_manager)


_OF_ANOTHER_RUN = (
    "IO manager '{}' may keep values where other runs keep theirs, and was left alone "
    "(--allow-side-effects uses it)."
)
_NAMES_OF_RUN = ("run_id", "get_identifier", "get_run_scoped_output_identifier")
"""By which an IO manager learns of the run whose value it stores."""


def _keeps_by_run(manager: IOManager) -> bool:
    """Whether its own code names what it stores by the run, as far as reading it can tell."""
    for kind in type(manager).__mro__:
        if not kind.__module__.startswith("dagster."):
            with suppress(OSError, TypeError):
                source = inspect.getsource(kind)
                if any(name in source for name in _NAMES_OF_RUN):
                    return True
    return False


def _unless_unfit(key: str, manager: object, storing: Storing) -> IOManager | CannotStoreError:
    """The manager, or why exercising it would tell nothing or touch what it must not."""
    reason = None
    if isinstance(manager, InMemoryIOManager):
        reason = "keeps values in memory: nothing is stored, and no other process can read it"
    elif isinstance(manager, DbIOManager):
        reason = "writes into database tables, which measuring must not touch"
    elif isinstance(manager, IOManager):
        by_path = isinstance(manager, UPathIOManager)  # looked at before each value is stored
        if storing is Storing.ANY or by_path or _keeps_by_run(manager):
            return manager
        return CannotStoreError(_OF_ANOTHER_RUN.format(key))
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
