"""What fans out in a code location; called in a child process, since loading it runs user code."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from dagster import AssetsDefinition, GraphDefinition, JobDefinition, OpDefinition

from advisor.dagster_bridge.code_locations import uses_dagster
from advisor.dagster_bridge.private import compute_function
from advisor.dagster_bridge.structure import describe, fans_out
from advisor.dagster_bridge.target import LoadedTarget, load_place, load_target
from advisor.dagster_bridge.target.in_definitions import asset_keys, named_asset, named_job
from advisor.dagster_bridge.target.place import Place
from advisor.dagster_bridge.user_path import loading_user_code
from advisor.domain.errors import DynadviseError
from advisor.domain.workload import TargetKind, TargetReference, WorkloadDescription


@dataclass(frozen=True, slots=True)
class FanningOut:
    """What fans out, with its description or with what hinders that."""

    kind: TargetKind
    name: str
    target: TargetReference
    fan_outs: int
    description: WorkloadDescription | None = None
    obstacle: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedLocation:
    """What fans out in a code location, and how many other jobs it has.

    ``modules`` are those that use Dagster in a package that holds neither itself.
    """

    workloads: tuple[FanningOut, ...]
    other_jobs: int
    modules: tuple[str, ...] = ()


def list_location(reference: TargetReference) -> LoadedLocation:
    """Load a code location and say what fans out in it.

    Raises:
        TargetError: It cannot be loaded.
    """
    with loading_user_code(*reference.import_folders):
        place = load_place(reference)
        names = _job_names(place)
        used: set[int] = set()
        workloads = [_described(place, "job", name, _job(place, name), used) for name in names]
        jobs = [each for each in workloads if each is not None]
        workloads += [
            _described(place, "asset", key, _asset(place, key), used) for key in _assets(place)
        ]
        workloads += list(_in_no_job(place, used))
    listed = tuple(each for each in workloads if each)
    modules = () if listed or names else tuple(_modules(place.module))
    return LoadedLocation(listed, len(names) - len(jobs), modules)


def _modules(package: ModuleType) -> Iterator[str]:
    for folder in getattr(package, "__path__", ()):
        for file in sorted(Path(folder).glob("*.py")):
            if file.stem != "__init__" and uses_dagster(file):
                yield f"{package.__name__}.{file.stem}"


def _job_names(place: Place) -> list[str]:
    if place.definitions is not None:
        return place.job_names
    values = vars(place.module).items()
    return [name for name, value in values if isinstance(value, JobDefinition)]


def _job(place: Place, name: str) -> Callable[[], LoadedTarget | None]:
    if place.definitions is None:
        return _loader(place, name)
    return lambda: named_job(_spelled(place, name), name)


def _assets(place: Place) -> list[str]:
    """The first key of each asset with a graph."""
    assets = place.assets
    keys = sorted(assets, key=lambda key: tuple(key.path), reverse=True)  # not in a set's order
    by_asset = {id(assets[key].node_def): key.to_user_string() for key in keys}
    return [key for key in asset_keys(place) if key in by_asset.values()]


def _asset(place: Place, key: str) -> Callable[[], LoadedTarget | None]:
    return lambda: named_asset(_spelled(place, key), key)


def _spelled(place: Place, name: str) -> Place:
    """The place, spelled with the name, where the module has no other object of that name."""
    reference, own = place.reference, getattr(place.module, name, None)
    is_free = own is None or isinstance(own, (JobDefinition, AssetsDefinition))
    if reference.attribute is not None or not is_free:
        return place
    return replace(place, reference=replace(reference, spelled=f"{reference.spelled}:{name}"))


def _attribute(reference: TargetReference, name: str) -> TargetReference:
    return replace(reference, spelled=f"{reference.spelled}:{name}", attribute=name)


def _described(
    place: Place,
    kind: TargetKind,
    name: str,
    load: Callable[[], LoadedTarget | None],
    used: set[int],
) -> FanningOut | None:
    """None where it does not fan out; ``used`` collects the graphs and ops that it is made of."""
    target = _attribute(place.reference, name)
    try:
        loaded = load()
        if loaded is None or loaded.job is None:
            return None
        used |= _parts(loaded.job.graph)
        target = loaded.reference
        fan_outs = sum(map(fans_out, loaded.ops.values()))
        if not fan_outs:
            return None
        try:
            return FanningOut(kind, name, target, fan_outs, describe(loaded))
        except DynadviseError as error:
            return FanningOut(kind, name, target, fan_outs, obstacle=_in_one_line(error))
    except DynadviseError as error:
        return FanningOut(kind, name, target, 0, obstacle=_in_one_line(error))


def _in_one_line(error: DynadviseError) -> str:
    """What happened, and Dagster's own reason where that is the whole of it."""
    first = (error.details or "").strip().partition("\n")[0]
    return f"{error.what} {first}".strip()


def _parts(graph: GraphDefinition) -> set[int]:
    """The graph, and all graphs and functions of ops in it."""
    parts = {id(graph)}
    for node in graph.nodes:
        inner = node.definition
        parts |= _parts(inner) if isinstance(inner, GraphDefinition) else {_of_op(inner)}
    return parts


def _of_op(op: object) -> int:
    """What tells an op from others: Dagster copies definitions, and keeps the function."""
    return id(compute_function(op) or op)


def _in_no_job(place: Place, used: set[int]) -> Iterator[FanningOut]:
    """Graphs and ops of the location's modules that fan out and that no job or asset uses."""
    held = [
        (module, name, value)
        for module in place.modules
        for name, value in list(vars(sys.modules[module]).items())
        if isinstance(value, (GraphDefinition, OpDefinition, JobDefinition))
    ]
    for module, name, value in held:
        if isinstance(value, GraphDefinition) and id(value) not in used:
            at = _module_place(place, module)
            used |= _parts(value)
            workload = _described(at, "graph", name, _loader(at, name), used)
            if workload is not None:
                yield workload
    used.update(*(_parts(job.graph) for *_, job in held if isinstance(job, JobDefinition)))
    for module, name, value in held:
        if isinstance(value, OpDefinition) and fans_out(value) and _of_op(value) not in used:
            used.add(_of_op(value))
            target = _attribute(_module_place(place, module).reference, name)
            yield FanningOut("op", name, target, 1, obstacle="No job maps what it yields.")


def _loader(place: Place, name: str) -> Callable[[], LoadedTarget]:
    return lambda: load_target(_attribute(place.reference, name))


def _module_place(place: Place, module: str) -> Place:
    if module == place.module.__name__:
        return place
    own = replace(place.reference, spelled=module, module=module, file=None, attribute=None)
    return replace(place, reference=own, module=sys.modules[module])
