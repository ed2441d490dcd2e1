"""The ``Definitions`` (or repository) of a module."""

import inspect
from dataclasses import dataclass
from types import ModuleType

from dagster import (
    AssetsDefinition,
    Definitions,
    GraphDefinition,
    JobDefinition,
    OpDefinition,
    RepositoryDefinition,
)

from advisor.dagster_bridge.private import LazyDefinitions, UnresolvedAssetJobDefinition

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
    """What a module defines for Dagster, and the attribute that holds it."""

    attribute: str
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


def module_definitions(module: ModuleType) -> ModuleDefinitions | None:
    """The module's definitions, ``defs`` first.

    None where they cannot be loaded: a target named by its own attribute does not need them.
    """
    names = [name for name, value in vars(module).items() if isinstance(value, HOLDERS)]
    for name in sorted(names, key=lambda name: name != "defs"):
        try:
            repository = repository_of(getattr(module, name))
        except Exception:  # noqa: BLE001, S112 - whatever user code raises in there
            continue
        if repository is not None:
            return ModuleDefinitions(name, repository)
    return None


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
