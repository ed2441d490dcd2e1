"""A loaded target: the live objects behind a reference, and where they were found."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from dagster import JobDefinition, OpDefinition, RepositoryDefinition, ResourceDefinition

from advisor.dagster_bridge.plan import ops_by_handle
from advisor.dagster_bridge.target.definitions import HOLDERS, ModuleDefinitions
from advisor.domain.workload import TargetKind, TargetReference


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

    ``maker`` is the callable that the target names, where calling it gives the job.
    """

    reference: TargetReference
    module: ModuleType
    definitions: ModuleDefinitions | None
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
    def resources(self) -> dict[str, ResourceDefinition]:
        """Resources that the module's definitions give to every job."""
        repository = self.repository
        return dict(repository.get_top_level_resources()) if repository else {}
