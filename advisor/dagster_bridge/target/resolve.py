"""From what the user has named to the job, op or function that can be measured and run."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import ModuleType

from dagster import (
    AssetKey,
    AssetsDefinition,
    GraphDefinition,
    JobDefinition,
    OpDefinition,
    ResourceDefinition,
)

from advisor.dagster_bridge.plan import execution_plan, mapped_steps
from advisor.dagster_bridge.private import UnresolvedAssetJobDefinition, is_same_op
from advisor.dagster_bridge.target.in_definitions import (
    completed_job,
    in_location,
    named_asset,
    named_job,
    of_definitions,
    own_asset,
)
from advisor.dagster_bridge.target.jobs import (
    defined_job,
    job_of_graph,
    jobs_around,
    missing_resources,
    own_job,
)
from advisor.dagster_bridge.target.makers import job_that_it_makes, refuse_collection, refuse_method
from advisor.dagster_bridge.target.place import (
    DAGSTER_OBJECTS,
    HOLDERS,
    LoadedTarget,
    ModuleDefinitions,
    Place,
    names_to_offer,
    place_of,
    repository_of,
)
from advisor.dagster_bridge.user_path import loading_user_code
from advisor.domain.errors import TargetError, UnnamedTargetError
from advisor.domain.nearest import nearest_or_some
from advisor.domain.workload import TargetReference


def load_target(reference: TargetReference) -> LoadedTarget:
    """Import the target's module and resolve the target to what can be measured and run.

    A job or an asset that only the definitions of its code location complete (with resources, with
    upstream assets) is taken from there, and so is a name that the module itself does not have.

    Raises:
        TargetError: The module or the name does not exist (with the nearest ones that do), the
            import fails (with the user's file, line and last frames), or the object is of a kind
            that cannot be measured.
    """
    with loading_user_code(*reference.import_folders):
        place = place_of(reference)
        if reference.attribute is None:
            return _of_module(place)
        value = _value_of(place.module, reference.attribute)
        if value is None:
            return _of_definitions_by_name(place, reference.attribute)
        if not isinstance(value, HOLDERS):
            place = replace(place, reference=replace(reference, job=None, asset=None))
        return _resolve(place, value)


def load_place(reference: TargetReference) -> Place:
    """Import a code location: the module and its definitions, or those that it belongs to.

    Raises:
        TargetError: It cannot be imported, or its definitions cannot be loaded.
    """
    place = place_of(reference)
    held = _value_of(place.module, reference.attribute) if reference.attribute else None
    repository = repository_of(held)
    if reference.attribute and repository is not None:
        place = replace(place, definitions=ModuleDefinitions(reference.attribute, repository))
    if place.definitions is None and place.failed is not None:
        raise place.failed
    return in_location(place) or place


def _value_of(module: ModuleType, attribute: str) -> object:
    """The object that a module holds under a dotted name; None where it has none."""
    value: object = module
    for part in attribute.split("."):
        value = getattr(value, part, None)
    return value


def _of_module(place: Place) -> LoadedTarget:
    """What ``--job`` or ``--asset`` names: in the definitions, or a job of the module's own."""
    reference = place.reference
    own = _value_of(place.module, reference.job) if reference.job else None
    if reference.job and isinstance(own, JobDefinition) and not place.has_job(reference.job):
        spelled = f"{reference.spelled}:{reference.job}"
        named = replace(reference, spelled=spelled, attribute=reference.job, job=None)
        return _resolve(replace(place, reference=named), own)
    around = in_location(place) or place
    if around.definitions is not None:
        meant = replace(around.reference, job=reference.job, asset=reference.asset)
        return of_definitions(replace(around, reference=meant))
    if place.failed is not None:
        raise place.failed
    raise (TargetError if reference.in_definitions else UnnamedTargetError)(
        f"{reference.source} has no Definitions.",
        hint=nearest_or_some(
            reference.job or "", names_to_offer(place.module, None), "Name one of these with ':'"
        ),
    )


def _of_definitions_by_name(place: Place, name: str) -> LoadedTarget:
    """A job or an asset that the module has no name for, but its definitions have."""
    around = in_location(place) or place
    loaded = named_job(around, name) or named_asset(around, name)
    if loaded is not None:
        return loaded
    raise TargetError(
        f"There is no '{name}' in {place.reference.source}.",
        hint=nearest_or_some(name, names_to_offer(place.module, around.definitions), "It has"),
    )


def _resolve(place: Place, target: object) -> LoadedTarget:
    """Turn whatever the name stands for into a loaded target."""
    if isinstance(target, DAGSTER_OBJECTS):
        return _resolve_definition(place, target)
    refuse_collection(place, target)
    if callable(target) and not inspect.isclass(target):
        job = job_that_it_makes(place, target)
        if job is not None:
            return _resolve(replace(place, maker=target), job)
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
        refuse_method(place, target)
        return _of_op(place, target)
    if isinstance(target, (JobDefinition, UnresolvedAssetJobDefinition)):
        return completed_job(place, target) or own_job(place, target)
    if isinstance(target, GraphDefinition):
        return named_graph(place, target)
    if isinstance(target, AssetsDefinition):
        return own_asset(place, target)
    repository = repository_of(target)
    assert repository is not None
    definitions = ModuleDefinitions(place.reference.attribute or "defs", repository)
    return of_definitions(replace(place, definitions=definitions))


def _of_op(place: Place, op: OpDefinition) -> LoadedTarget:
    """An op, with the job that maps it where there is one in the same module."""
    resources: Mapping[str, ResourceDefinition] = place.resources
    fans_out: LoadedTarget | None = None
    for around in jobs_around(place):
        assert around.job is not None
        handles = {handle for handle, used in around.ops.items() if is_same_op(used, op)}
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


def with_upstream_assets(loaded: LoadedTarget) -> JobDefinition | None:
    """The asset job that also materializes what the target's assets need; None if there is none.

    Node names are the same as in the target's own job.
    """
    if loaded.job is None or loaded.pointer is None or loaded.definitions is None:
        return None
    keys = {AssetKey(list(path)) for path in loaded.pointer.asset_keys}
    if not keys:
        return None
    graph = loaded.definitions.asset_graph
    assets, todo = set(keys), list(keys)
    while todo:
        for parent in graph.get(todo.pop()).parent_keys:
            if parent not in assets and graph.get(parent).is_materializable:
                assets.add(parent)
                todo.append(parent)
    whole = loaded.definitions.get_implicit_job_def_for_assets(assets)
    return whole.get_subset(asset_selection=assets) if whole else None


def named_graph(place: Place, graph: GraphDefinition) -> LoadedTarget:
    """A graph that is a target.

    Where it needs resources, those of the definitions of its module or code location are taken,
    else the only job that is made of it.

    Raises:
        TargetError: Several jobs give it resources, or none does.
    """
    around = in_location(place)
    places = [place, *([around] if around else [])]
    for where in places:
        loaded = job_of_graph(
            replace(place, definitions=where.definitions), graph, place.reference.attribute
        )
        assert loaded.job is not None
        missing = missing_resources(loaded.job)
        if not missing:
            return loaded
    jobs: dict[str, Callable[[], LoadedTarget]] = {}
    for where in reversed(places):
        for name, load in _jobs_made_of(where, graph):
            jobs.setdefault(name, load)
    if len(jobs) == 1:
        return next(iter(jobs.values()))()
    needs = f"Graph '{graph.name}' needs the resource '{min(missing)}'"
    if not jobs:
        raise TargetError(
            f"{needs}, which no job of it and no Definitions give.",
            hint=f"Make a job of it, {graph.name}.to_job(resource_defs={{...}}), and name that.",
        )
    source = (around or place).reference.source
    raise TargetError(
        f"{needs}, which its jobs give, each its own: {', '.join(sorted(jobs))}.",
        hint=f"Name one of them: {source} --job {min(jobs)}",
    )


def _jobs_made_of(
    place: Place, graph: GraphDefinition
) -> Iterator[tuple[str, Callable[[], LoadedTarget]]]:
    """Jobs of a graph by name: those of the definitions, then those that the module holds."""
    for name in place.job_names:
        if place.repository and place.repository.get_job(name).graph is graph:
            yield name, partial(defined_job, place.named(job=name), name)
    for name, value in vars(place.module).items():
        if isinstance(value, JobDefinition) and value.graph is graph:
            named = replace(place.reference, attribute=name)
            yield value.name, partial(own_job, replace(place, reference=named), value)
