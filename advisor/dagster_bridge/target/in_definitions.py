"""Jobs and assets by their names in ``Definitions``: the module's own, or its code location's."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from dagster import AssetKey, AssetsDefinition, GraphDefinition, JobDefinition

from advisor.dagster_bridge.code_locations import code_locations
from advisor.dagster_bridge.private import UnresolvedAssetJobDefinition
from advisor.dagster_bridge.target.jobs import defined_job, job_of_asset
from advisor.dagster_bridge.target.place import LoadedTarget, Place, place_of
from advisor.dagster_bridge.user_path import loading_user_code
from advisor.domain.errors import TargetError, UnnamedTargetError
from advisor.domain.nearest import nearest_or_some
from advisor.domain.workload import TargetReference


def in_location(place: Place) -> Place | None:
    """The place of the definitions that the module belongs to, where another module holds them.

    None where there are none, or they cannot be loaded: a target that its own module completes
    does not need them.
    """
    if place.definitions is not None:
        return None
    for reference in _locations_of(place):
        try:
            with loading_user_code(*reference.import_folders):
                around = place_of(reference)
        except TargetError:
            continue
        if around.definitions is not None:
            named = replace(reference, spelled=place.reference.spelled)
            return replace(around, reference=named)
    return None


def _locations_of(place: Place) -> Iterator[TargetReference]:
    """Code locations of the module's own package, or of its own folder where it has none."""
    reference = place.reference
    if reference.module is None:
        return
    own = replace(reference, attribute=None, job=None, asset=None)
    if hasattr(place.module, "__path__") and find_spec(f"{reference.module}.definitions"):
        yield replace(own, module=f"{reference.module}.definitions")
    package = reference.module.partition(".")[0]
    try:
        locations = code_locations(Path(reference.working_directory))
    except TargetError:
        return
    for location in locations:
        module = location.module or ""
        file = Path(getattr(place.module, "__file__", None) or "/")
        beside = "." not in module and file.is_relative_to(location.working_directory)
        if module != reference.module and (module.partition(".")[0] == package or beside):
            yield location


def of_definitions(place: Place) -> LoadedTarget:
    """What ``--job`` or ``--asset`` names in the place's definitions, or their only job.

    Raises:
        UnnamedTargetError: Nothing is named, and there is not one job alone.
        TargetError: They have no such job or asset.
    """
    reference, names = place.reference, place.job_names
    if reference.in_definitions is None:
        if len(names) == 1:
            return defined_job(place, names[0])
        raise UnnamedTargetError(
            f"{reference.spelled} names no job.",
            hint=f"Choose one with --job: {', '.join(names)}." if names else "It defines no job.",
        )
    if reference.job is not None:
        loaded, kind = named_job(place, reference.job), "job"
    else:
        assert reference.asset is not None
        loaded, kind, names = named_asset(place, reference.asset), "asset", asset_keys(place)
    if loaded is None:
        raise TargetError(
            f"There is no {kind} '{reference.in_definitions}' in {reference.source}.",
            hint=nearest_or_some(reference.in_definitions, names, f"Its {kind}s"),
        )
    return loaded


def named_job(place: Place, name: str) -> LoadedTarget | None:
    """The job of that name in the place's definitions."""
    return defined_job(place.named(job=name), name) if place.has_job(name) else None


def named_asset(place: Place, key: str) -> LoadedTarget | None:
    """The asset of that key (``a/b``) in the place's definitions.

    Raises:
        TargetError: It has no graph that could fan out.
    """
    asset = place.assets.get(AssetKey.from_user_string(key))
    return None if asset is None else graph_asset_of(place.named(asset=key), asset, key)


def graph_asset_of(place: Place, asset: AssetsDefinition, name: str) -> LoadedTarget:
    """The job of a graph-backed asset.

    Raises:
        TargetError: It is a single step, or Dagster cannot make a job of it.
    """
    if not isinstance(asset.node_def, GraphDefinition):
        raise TargetError(
            f"Asset '{name}' is a single step, without a dynamic graph.",
            hint="Name a graph asset, or the function that does the work for one item.",
        )
    return job_of_asset(place, asset)


def own_asset(place: Place, asset: AssetsDefinition) -> LoadedTarget:
    """An asset that the module holds, with the upstream assets and resources of its location.

    Raises:
        TargetError: As `graph_asset_of`.
    """
    around = in_location(place)
    if around is not None:
        for key, defined in around.assets.items():
            if defined.node_def is asset.node_def or key in asset.keys:
                name = key.to_user_string()
                return graph_asset_of(around.named(asset=name), defined, name)
    return graph_asset_of(place, asset, place.reference.attribute or "")


def completed_job(
    place: Place, job: JobDefinition | UnresolvedAssetJobDefinition
) -> LoadedTarget | None:
    """The job as the module's code location completes it; None where that does not hold it."""
    around = in_location(place)
    loaded = named_job(around, job.name) if around is not None else None
    if loaded is None or loaded.job is None:
        return None
    same = not isinstance(job, JobDefinition) or loaded.job.graph is job.graph
    return loaded if same else None


def asset_keys(place: Place) -> list[str]:
    """Keys of the assets whose graph may fan out."""
    return [
        key.to_user_string()
        for key, asset in place.assets.items()
        if asset.is_executable and isinstance(asset.node_def, GraphDefinition)
    ]
