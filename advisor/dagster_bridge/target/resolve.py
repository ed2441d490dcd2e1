"""From what the user has named to the job, op or function that can be measured and run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dagster import (
    AssetsDefinition,
    GraphDefinition,
    JobDefinition,
    OpDefinition,
    ResourceDefinition,
)

from advisor.dagster_bridge.plan import execution_plan, mapped_steps
from advisor.dagster_bridge.private import UnresolvedAssetJobDefinition
from advisor.dagster_bridge.target.definitions import (
    DAGSTER_OBJECTS,
    HOLDERS,
    ModuleDefinitions,
    module_definitions,
    names_to_offer,
    repository_of,
)
from advisor.dagster_bridge.target.jobs import (
    defined_job,
    job_of_asset,
    job_of_graph,
    jobs_around,
    own_job,
)
from advisor.dagster_bridge.target.loaded import LoadedTarget, Place
from advisor.dagster_bridge.target.loading import load_module
from advisor.dagster_bridge.user_frames import last_frames
from advisor.dagster_bridge.user_path import loading_user_code
from advisor.domain.errors import TargetError
from advisor.domain.nearest import nearest_or_some
from advisor.domain.workload import TargetReference


def load_target(reference: TargetReference) -> LoadedTarget:
    """Import the target's module and resolve the target to what can be measured and run.

    Raises:
        TargetError: The module or the name does not exist (with the nearest ones that do), the
            import fails (with the user's file, line and last frames), or the object is of a kind
            that cannot be measured.
    """
    with loading_user_code(*reference.import_folders):
        module = load_module(reference)
        place = Place(reference, module, module_definitions(module))
        if reference.attribute is None:
            return _job_of_definitions(place)
        return _resolve(place, _attribute(place, reference.attribute))


def _attribute(place: Place, attribute: str) -> object:
    """The object of that name in the module; else a job of that name."""
    definitions = place.definitions
    value: Any = place.module
    for part in attribute.split("."):
        if not hasattr(value, part):
            if definitions and definitions.repository.has_job(attribute):
                return definitions.repository.get_job(attribute)
            raise TargetError(
                f"There is no '{attribute}' in {place.reference.source}.",
                hint=nearest_or_some(
                    attribute, names_to_offer(place.module, definitions), "It has"
                ),
            )
        value = getattr(value, part)
    return value


def _job_of_definitions(place: Place) -> LoadedTarget:
    """The job named by ``--job`` among the module's definitions, or its only one."""
    reference = place.reference
    if place.definitions is None:
        return _job_without_definitions(place)
    names = place.definitions.job_names()
    if reference.job is None:
        if len(names) == 1:
            return defined_job(place, names[0])
        raise TargetError(
            f"{reference.spelled} names no job.",
            hint=f"Choose one with --job: {', '.join(names)}." if names else "It defines no job.",
        )
    if place.definitions.repository.has_job(reference.job):
        return defined_job(place, reference.job)
    if isinstance(getattr(place.module, reference.job, None), JobDefinition):
        return _job_without_definitions(place)
    raise TargetError(
        f"There is no job '{reference.job}' in {reference.source}.",
        hint=nearest_or_some(reference.job, names, "Its jobs"),
    )


def _job_without_definitions(place: Place) -> LoadedTarget:
    """The module's own name that ``--job`` gives, where no definitions hold it."""
    reference, module = place.reference, place.module
    if reference.job is not None and hasattr(module, reference.job):
        named = replace(reference, attribute=reference.job)
        return _resolve(replace(place, reference=named), getattr(module, reference.job))
    for name, value in vars(module).items():
        if isinstance(value, HOLDERS):
            raise _definitions_failed(reference, name, value)
    raise TargetError(
        f"{reference.source} has no Definitions.",
        hint=nearest_or_some(
            reference.job or "", names_to_offer(module, None), "Name one of these with ':'"
        ),
    )


def _definitions_failed(reference: TargetReference, name: str, holder: object) -> TargetError:
    """Why the module's definitions cannot be loaded, by trying once more."""
    details = None
    try:
        repository_of(holder)
    except Exception as error:  # noqa: BLE001 - whatever user code raises in there
        details = last_frames(error)
    return TargetError(f"'{name}' in {reference.source} cannot be loaded.", details=details)


def _resolve(place: Place, target: object) -> LoadedTarget:
    """Turn whatever the name stands for into a loaded target."""
    if isinstance(target, DAGSTER_OBJECTS):
        return _resolve_definition(place, target)
    if callable(target) and not inspect.isclass(target):
        if _makes_a_job(target):
            return _resolve(place, target())
        return LoadedTarget(
            reference=place.reference,
            kind="function",
            module=place.module,
            function=target,
            definitions=place.repository,
        )
    raise TargetError(
        f"'{place.reference.attribute}' is of type {type(target).__name__}, "
        "which cannot be measured.",
        hint="Name an op, a job, a graph, a graph asset or a function.",
    )


def _resolve_definition(place: Place, target: object) -> LoadedTarget:
    """The same for what Dagster defines."""
    if isinstance(target, OpDefinition):
        return _of_op(place, target)
    if isinstance(target, (JobDefinition, UnresolvedAssetJobDefinition)):
        return own_job(place, target)
    if isinstance(target, GraphDefinition):
        return job_of_graph(place, target, place.reference.attribute)
    if isinstance(target, AssetsDefinition):
        if not isinstance(target.node_def, GraphDefinition):
            raise TargetError(
                f"Asset '{place.reference.attribute}' is a single step, without a dynamic graph.",
                hint="Name a graph asset, or the function that does the work for one item.",
            )
        return job_of_asset(place, target)
    repository = repository_of(target)
    assert repository is not None
    definitions = ModuleDefinitions(place.reference.attribute or "defs", repository)
    return _job_of_definitions(replace(place, definitions=definitions))


def _makes_a_job(function: Callable[..., Any]) -> bool:
    """Whether it is a function without arguments that is annotated to return a job or graph."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False
    answer = signature.return_annotation
    name = answer if isinstance(answer, str) else getattr(answer, "__name__", "")
    return not signature.parameters and name.rpartition(".")[2] in {
        "JobDefinition",
        "GraphDefinition",
    }


def _of_op(place: Place, op: OpDefinition) -> LoadedTarget:
    """An op, with the job that maps it where there is one in the same module."""
    resources: Mapping[str, ResourceDefinition] = place.resources
    fans_out: LoadedTarget | None = None
    for around in jobs_around(place):
        assert around.job is not None
        handles = {handle for handle, used in around.ops.items() if _is_same_op(used, op)}
        if not handles:
            continue
        resources = resources or around.resource_defs
        try:
            mapped = mapped_steps(execution_plan(around.job, None))
        except TargetError:
            continue
        if handles & set(mapped):
            return replace(around, kind="op", op=op)
        if fans_out is None and handles & {step.resolved_by_step_key for step in mapped.values()}:
            fans_out = replace(around, kind="op", op=op)
    return fans_out or LoadedTarget(
        reference=place.reference,
        kind="op",
        module=place.module,
        ops={op.name: op},
        op=op,
        definitions=place.repository,
        resource_defs=resources,
    )


def _is_same_op(one: OpDefinition, other: OpDefinition) -> bool:
    """Whether two definitions are one op: Dagster copies them for hooks, tags and config."""
    function = getattr(other.compute_fn, "decorated_fn", None)
    return one is other or (
        function is not None and getattr(one.compute_fn, "decorated_fn", None) is function
    )
