"""Jobs of a module: defined ones, its own, and those made of its graphs and assets."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from dagster import (
    AssetsDefinition,
    AssetSelection,
    Definitions,
    GraphDefinition,
    JobDefinition,
    define_asset_job,
)

from advisor.dagster_bridge.plan import ops_by_handle
from advisor.dagster_bridge.private import UnresolvedAssetJobDefinition
from advisor.dagster_bridge.target.place import JobPointer, LoadedTarget, Place
from advisor.dagster_bridge.user_frames import last_frames
from advisor.domain.errors import TargetError


def defined_job(place: Place, name: str) -> LoadedTarget:
    """A job by its name in the module's definitions.

    Raises:
        TargetError: Dagster cannot load it.
    """
    assert place.definitions is not None
    try:
        job = place.definitions.repository.get_job(name)
    except Exception as error:
        raise TargetError(f"Job '{name}' cannot be loaded.", details=last_frames(error)) from error
    loaded = place.loaded("job", job, JobPointer(place.definitions.attribute, name))
    if place.reference.job is None:
        return loaded
    variable = _variable_of(
        place,
        lambda value: (
            isinstance(value, JobDefinition) and value.graph is job.graph and value.name == name
        ),
    )
    return replace(loaded, job_from=variable)


def own_job(place: Place, job: JobDefinition | UnresolvedAssetJobDefinition) -> LoadedTarget:
    """A job, as the module's definitions complete it with resources and executor, if they do.

    Raises:
        TargetError: It is a job of assets that Dagster cannot resolve.
    """
    if place.repository and place.has_job(job.name):
        defined = place.repository.get_job(job.name)
        if not isinstance(job, JobDefinition) or defined.graph is job.graph or defined is job:
            by_name = isinstance(job, JobDefinition) and bool(missing_resources(job))
            return defined_job(place.named(job=job.name) if by_name else place, job.name)
    if isinstance(job, JobDefinition):
        return place.loaded("job", job, JobPointer(place.attribute, job.name))
    values = vars(place.module).values()
    assets = [value for value in values if isinstance(value, AssetsDefinition)]
    try:
        resolved = Definitions(assets=assets, jobs=[job]).resolve_job_def(job.name)
    except Exception as error:
        raise TargetError(
            f"Asset job '{job.name}' cannot be resolved.", details=last_frames(error)
        ) from error
    return place.loaded("job", resolved, JobPointer(None, job.name))


def missing_resources(job: JobDefinition) -> set[str]:
    """Keys that its ops need and only definitions can give, so that it is taken from there."""
    ops = ops_by_handle(job).values()
    return {key for op in ops for key in op.required_resource_keys} - set(job.resource_defs)


def job_of_graph(place: Place, graph: GraphDefinition, attribute: str | None) -> LoadedTarget:
    """The graph as a job, with the resources of the module's definitions.

    Raises:
        TargetError: Dagster cannot make a job of it.
    """
    try:
        job = graph.to_job(resource_defs=place.resources)
    except Exception as error:
        raise TargetError(
            f"Graph '{graph.name}' cannot be made a job.", details=last_frames(error)
        ) from error
    return place.loaded("graph", job, JobPointer(None if place.resources else attribute, job.name))


def job_of_asset(place: Place, asset: AssetsDefinition) -> LoadedTarget:
    """A job that materializes the asset alone.

    Raises:
        TargetError: Dagster cannot make a job of it.
    """
    keys = set(asset.keys)
    definitions = place.definitions
    try:
        if definitions and keys <= set(place.assets):
            whole = definitions.repository.get_implicit_job_def_for_assets(keys)
            if whole is not None:
                job = whole.get_subset(asset_selection=keys)
                paths = tuple(tuple(key.path) for key in sorted(keys))
                pointer = JobPointer(definitions.attribute, whole.name, paths)
                loaded = place.loaded("asset", job, pointer)
                if place.reference.asset is None:
                    return loaded
                variable = _variable_of(
                    place,
                    lambda value: (
                        isinstance(value, AssetsDefinition) and value.node_def is asset.node_def
                    ),
                )
                return replace(loaded, asset_from=variable)
        name = f"materialize_{asset.node_def.name}"
        unresolved = define_asset_job(name, selection=AssetSelection.assets(*keys))
        job = Definitions(assets=[asset], jobs=[unresolved]).resolve_job_def(name)
    except Exception as error:
        raise TargetError(
            f"Asset '{asset.node_def.name}' cannot be made a job.", details=last_frames(error)
        ) from error
    return place.loaded("asset", job, JobPointer(None, job.name))


def _variable_of(place: Place, holds: Callable[[object], bool]) -> tuple[str, str] | None:
    """Module and variable that hold what was named by its key or name in the definitions.

    One in another module than the definitions' own comes first: that one can be imported before
    the definitions are made.
    """
    held = [
        (module, name)
        for module in place.modules
        for name, value in list(vars(sys.modules[module]).items())
        if holds(value)
    ]
    return min(held, key=lambda at: (at[0] == place.module.__name__, at), default=None)


def jobs_around(place: Place) -> Iterator[LoadedTarget]:
    """Every job that could use an op of the module, each graph once.

    Defined ones come first, then jobs of the module, then those made in memory. One that cannot
    be loaded is left out.
    """
    graphs: set[int] = set()
    for graph, load in chain(_defined_jobs(place), _own_jobs(place)):
        if id(graph) in graphs:
            continue
        graphs.add(id(graph))
        try:
            yield load()
        except TargetError:
            continue


_Loader = Callable[[], LoadedTarget]


def _defined_jobs(place: Place) -> Iterator[tuple[object, _Loader]]:
    """The jobs of the module's definitions, by their graphs."""
    for name in place.job_names:
        assert place.repository is not None
        yield place.repository.get_job(name).graph, partial(defined_job, place, name)


def _own_jobs(place: Place) -> Iterator[tuple[object, _Loader]]:
    """Jobs that the module's own names hold, or that can be made of its graphs and assets."""
    values = {name: value for name, value in vars(place.module).items() if name[:2] != "__"}
    for name, value in values.items():
        if isinstance(value, JobDefinition):
            yield value.graph, partial(place.loaded, "job", value, JobPointer(name, value.name))
    for value in values.values():
        if isinstance(value, GraphDefinition):
            yield value, partial(job_of_graph, place, value, None)
    assets = [value for value in values.values() if isinstance(value, AssetsDefinition)]
    for asset in (*assets, *place.assets.values()):
        if isinstance(asset.node_def, GraphDefinition):
            yield asset.node_def, partial(job_of_asset, place, asset)
