"""Where a target was found: its module, what that defines for Dagster, and the live objects."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    Definitions,
    GraphDefinition,
    JobDefinition,
    OpDefinition,
    RepositoryDefinition,
    ResourceDefinition,
    load_from_defs_folder,
)

from advisor.dagster_bridge.code_locations import is_autoloaded
from advisor.dagster_bridge.plan import ops_by_handle
from advisor.dagster_bridge.private import LazyDefinitions, UnresolvedAssetJobDefinition
from advisor.dagster_bridge.target.loading import load_module
from advisor.dagster_bridge.user_frames import last_frames
from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetKind, TargetReference

IMPLICIT_ASSET_JOB = "__ASSET_JOB"
"""Dagster's name (and prefix) for the job that it makes of all assets."""

HOLDERS = (Definitions, LazyDefinitions, RepositoryDefinition)
DAGSTER_OBJECTS = (
    OpDefinition,
    JobDefinition,
    UnresolvedAssetJobDefinition,
    GraphDefinition,
    AssetsDefinition,
    *HOLDERS,
)


@dataclass(frozen=True, slots=True)
class ModuleDefinitions:
    """What a module defines for Dagster, and the attribute that holds it; None: dg loads it."""

    attribute: str | None
    repository: RepositoryDefinition

    def job_names(self) -> list[str]:
        """The jobs that the user has defined."""
        return [
            name for name in self.repository.job_names if not name.startswith(IMPLICIT_ASSET_JOB)
        ]


def repository_of(value: object) -> RepositoryDefinition | None:
    """The repository that a module's value holds; None for another object."""
    if isinstance(value, LazyDefinitions):
        value = value()
    if isinstance(value, Definitions):
        return value.get_repository_def()
    return value if isinstance(value, RepositoryDefinition) else None


def names_to_offer(module: ModuleType, definitions: ModuleDefinitions | None) -> list[str]:
    """Dagster objects first, then functions that the module defines itself, then job names."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    dagster_objects = [name for name, value in public.items() if isinstance(value, DAGSTER_OBJECTS)]
    functions = [
        name
        for name, value in public.items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    return [*dagster_objects, *functions, *(definitions.job_names() if definitions else ())]


@dataclass(frozen=True, slots=True)
class JobPointer:
    """The module attribute from which Dagster itself can rebuild a job, and the job's name.

    ``attribute`` is None where only our own ``rebuild_job`` can. ``asset_keys`` selects a part
    of an asset job.
    """

    attribute: str | None
    job_name: str
    asset_keys: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedTarget:
    """The live objects behind a reference.

    Attributes:
        job: The job to run: the target itself, made of it in memory, or the one that maps the
            target op. None for a function and for an op that no job maps.
        ops: All ops of the job by handle; a bare op by its name.
        definitions: What the target's module defines for Dagster, if it does.
        resource_defs: The resources that its ops may need, by key.
        pointer: From where a child process gets the job again.
        is_called: Whether the target's name is a callable that makes the job.
        asset_from: Module and variable that hold the asset, where the target is its key.
        job_from: The same of a job, where the target is its name in the definitions.
    """

    reference: TargetReference
    kind: TargetKind
    module: ModuleType
    job: JobDefinition | None = None
    ops: Mapping[str, OpDefinition] = field(default_factory=dict)
    op: OpDefinition | None = None
    function: Callable[..., Any] | None = None
    definitions: RepositoryDefinition | None = None
    resource_defs: Mapping[str, ResourceDefinition] = field(default_factory=dict)
    pointer: JobPointer | None = None
    is_called: bool = False
    asset_from: tuple[str, str] | None = None
    job_from: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The module of a target: what its jobs take resources and executor from.

    Attributes:
        failed: Why the definitions cannot be loaded: a target that is named by its own attribute
            does not need them.
        maker: The callable that the target names, where calling it gives the job.
    """

    reference: TargetReference
    module: ModuleType
    definitions: ModuleDefinitions | None
    failed: TargetError | None = None
    maker: Callable[..., Any] | None = None

    def named(self, *, job: str | None = None, asset: str | None = None) -> Place:
        """The place with a job or an asset of its definitions as what the reference means."""
        attribute = self.reference.attribute
        held = isinstance(getattr(self.module, attribute or "", None), HOLDERS)
        attribute = attribute if held else None
        reference = replace(self.reference, attribute=attribute, job=job, asset=asset)
        return replace(self, reference=reference)

    @property
    def attribute(self) -> str | None:
        """The name from which Dagster itself can load the job; it calls what has no parameters."""
        if self.maker is not None and inspect.signature(self.maker).parameters:
            return None
        return self.reference.attribute

    @property
    def modules(self) -> list[str]:
        """The module, and those loaded of its package, or beside it where it has none."""
        name = self.module.__name__
        package = f"{name.partition('.')[0]}."
        own = [module for module in sys.modules if module.startswith(package) and "." in name]
        folder = Path(self.reference.working_directory)
        files = {module: getattr(value, "__file__", None) for module, value in sys.modules.items()}
        beside = [
            module
            for module, file in files.items()
            if "." not in module and file and Path(file).parent == folder
        ]
        return list(dict.fromkeys([name, *own, *beside]))

    def loaded(self, kind: TargetKind, job: JobDefinition, pointer: JobPointer) -> LoadedTarget:
        """A target with a job."""
        return LoadedTarget(
            reference=self.reference,
            kind=kind,
            module=self.module,
            job=job,
            ops=ops_by_handle(job),
            definitions=self.repository,
            resource_defs=job.resource_defs,
            pointer=pointer,
            is_called=self.maker is not None,
        )

    @property
    def repository(self) -> RepositoryDefinition | None:
        """The module's definitions, as Dagster holds them."""
        return self.definitions.repository if self.definitions else None

    @property
    def job_names(self) -> list[str]:
        """The jobs that the user has defined there."""
        return self.definitions.job_names() if self.definitions else []

    def has_job(self, name: str) -> bool:
        """Whether the definitions have a job of that name."""
        return self.repository is not None and self.repository.has_job(name)

    @property
    def assets(self) -> Mapping[AssetKey, AssetsDefinition]:
        """The assets of the definitions."""
        return self.repository.assets_defs_by_key if self.repository else {}

    @property
    def resources(self) -> dict[str, ResourceDefinition]:
        """Resources that the module's definitions give to every job."""
        repository = self.repository
        return dict(repository.get_top_level_resources()) if repository else {}


def place_of(reference: TargetReference) -> Place:
    """The module that a reference names, imported, and its definitions, ``defs`` first.

    Raises:
        TargetError: The module does not exist, or importing it failed.
    """
    module = load_module(reference)
    holders = [name for name, value in vars(module).items() if isinstance(value, HOLDERS)]
    held: list[tuple[str | None, Callable[[], object]]] = [
        (name, partial(getattr, module, name))
        for name in sorted(holders, key=lambda name: name != "defs")
    ]
    folder = Path(*list(getattr(module, "__path__", ()))[:1])
    if not held and folder.is_absolute() and is_autoloaded(folder):
        held = [(None, partial(load_from_defs_folder, path_within_project=folder))]
    failed: TargetError | None = None
    for name, held_by in held:
        try:
            repository = repository_of(held_by())
        except Exception as error:  # noqa: BLE001 - whatever user code raises in there
            what = f"'{name}' in" if name else "What dg loads below"
            what = f"{what} {reference.source} cannot be loaded."
            failed = failed or TargetError(what, details=last_frames(error))
            continue
        if repository is not None:
            return Place(reference, module, ModuleDefinitions(name, repository))
    return Place(reference, module, None, failed)
