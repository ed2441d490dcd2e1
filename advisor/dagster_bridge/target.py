"""Find the user's target, load it, and make it loadable again in another process.

Modules are imported as Dagster's own command line does it: the working directory is importable,
and a file is loaded under the name of its stem.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    Definitions,
    GraphDefinition,
    JobDefinition,
    OpDefinition,
    RepositoryDefinition,
    ResourceDefinition,
    build_reconstructable_job,
    define_asset_job,
)

from advisor.dagster_bridge.plan import execution_plan, mapped_steps, ops_by_handle
from advisor.dagster_bridge.private import (
    FileCodePointer,
    LazyDefinitions,
    ModuleCodePointer,
    ReconstructableJob,
    ReconstructableRepository,
    UnresolvedAssetJobDefinition,
    load_python_file,
)
from advisor.dagster_bridge.user_frames import (
    last_frames,
    root_cause,
    type_in_words,
    user_location,
)
from advisor.dagster_bridge.user_path import loading_user_code, shadowed_names
from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetKind, TargetReference

IMPLICIT_ASSET_JOB = "__ASSET_JOB"
"""Dagster's name (and prefix) for the job that it makes of all assets."""

_DAGSTER_OBJECTS = (
    OpDefinition,
    JobDefinition,
    UnresolvedAssetJobDefinition,
    GraphDefinition,
    AssetsDefinition,
    Definitions,
    LazyDefinitions,
    RepositoryDefinition,
)


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
        op: The target op, where the target is an op.
        function: The target function, where it is a plain one.
        definitions: What the target's module defines for Dagster, if it does.
        resource_defs: The resources that its ops may need, by key.
        pointer: From where a child process gets the job again.
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


# --- the spelling ---------------------------------------------------------------------------


def parse_target(
    spelled: str, *, job: str | None = None, working_directory: Path | None = None
) -> TargetReference:
    """Read ``module:attribute``, ``path/to/file.py:attribute``, or a module or file alone.

    Raises:
        TargetError: It is empty or has an empty part.
    """
    directory = (working_directory or Path.cwd()).resolve()
    where, separator, attribute = spelled.strip().rpartition(":")
    if not separator:
        where, attribute = spelled.strip(), ""
    if not where or (separator and not attribute):
        raise TargetError(
            f"'{spelled}' is not a target.",
            hint="Spell it module:name or path/to/file.py:name; a module alone needs --job NAME.",
        )
    is_file = where.endswith(".py") or "/" in where
    return TargetReference(
        spelled=spelled,
        module=None if is_file else where,
        file=str((directory / Path(where).expanduser()).resolve()) if is_file else None,
        attribute=attribute or None,
        job=job,
        working_directory=str(directory),
    )


# --- loading --------------------------------------------------------------------------------


def load_target(reference: TargetReference) -> LoadedTarget:
    """Import the target's module and resolve the target to what can be measured and run.

    Raises:
        TargetError: The module or the name does not exist (with the nearest ones that do), the
            import fails (with the user's file, line and last frames), or the object is of a kind
            that cannot be measured.
    """
    with loading_user_code(*_folders(reference)):
        module = load_module(reference)
        place = _Place(reference, module, _find_definitions(module))
        if reference.attribute is None:
            return _job_of_definitions(place)
        return _resolve(place, _attribute(reference, module, place.definitions))


def load_module(reference: TargetReference) -> ModuleType:
    """Import the module or file that a reference names.

    Raises:
        TargetError: It does not exist, or importing it failed.
    """
    before = set(sys.modules)
    if reference.file is not None and not Path(reference.file).is_file():
        raise _no_such_file(Path(reference.file))
    importlib.invalidate_caches()
    try:
        with loading_user_code(*_folders(reference)):
            if reference.file is not None:
                return load_python_file(reference.file, reference.working_directory)
            return importlib.import_module(str(reference.module))
    except (Exception, SystemExit) as error:
        for name in _half_loaded(reference, before):
            sys.modules.pop(name, None)
        if _is_missing_module(error, reference.module):
            raise _no_such_module(reference) from error
        raise _import_failed(reference, error) from error


def _folders(reference: TargetReference) -> list[str]:
    """The working directory, and a file's own directory."""
    own = [str(Path(reference.file).parent)] if reference.file is not None else []
    return [reference.working_directory, *own]


def _half_loaded(reference: TargetReference, before: set[str]) -> Iterator[str]:
    """What a failed import of the target itself left behind."""
    name = reference.module or Path(str(reference.file)).stem
    if name not in before:
        yield name


def _is_missing_module(error: BaseException, module: str | None) -> bool:
    """Whether the target's own module is what does not exist, and not one that it imports."""
    if not isinstance(error, ModuleNotFoundError) or module is None or not error.name:
        return False
    return module == error.name or module.startswith(f"{error.name}.")


def _import_failed(reference: TargetReference, error: BaseException) -> TargetError:
    what = reference.module or Path(str(reference.file)).name
    location = user_location(error)
    if isinstance(error, SystemExit):
        happened = f"exited while it was imported (exit status {error.code!r})"
        hint = "Move what a script does under `if __name__ == '__main__':`."
    else:
        happened = f"could not be imported: {type_in_words(error)}"
        hint = (
            shadowed_names(_folders(reference), last_frames(error, 99))
            or _as_module(reference, error)
            or "The module must import without an error in this environment."
        )
    return TargetError(
        f"{what} {happened}.",
        where=str(location) if location else None,
        details=last_frames(error),
        hint=hint,
    )


def _as_module(reference: TargetReference, error: BaseException) -> str | None:
    """The way to name a file that belongs to a package and imports relative to it."""
    if reference.file is None or "relative import" not in str(root_cause(error)):
        return None
    names, folder = [Path(reference.file).stem], Path(reference.file).parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    if len(names) == 1:
        return None
    spelled = ":".join(filter(None, (".".join(names), reference.attribute)))
    elsewhere = "" if str(folder) == reference.working_directory else f" -d {folder}"
    return f"It is part of a package: name it as a module, {spelled}{elsewhere}."


def _no_such_file(file: Path) -> TargetError:
    siblings = (
        sorted(path.name for path in file.parent.glob("*.py")) if file.parent.is_dir() else []
    )
    if not file.parent.is_dir():
        return TargetError(f"There is no folder {file.parent}.", hint="Check the path.")
    return TargetError(
        f"There is no file {file}.", hint=_nearest(file.name, siblings, "Files there")
    )


def _no_such_module(reference: TargetReference) -> TargetError:
    assert reference.module is not None
    parent, _, last = reference.module.rpartition(".")
    if parent:
        try:
            package = importlib.import_module(parent)
        except Exception:  # noqa: BLE001 - only the hint depends on it
            package = None
        if package is not None and hasattr(package, last):
            return TargetError(
                f"There is no module '{reference.module}'.",
                hint=f"'{last}' is a name in module '{parent}': spell it {parent}:{last}.",
            )
        paths = list(getattr(package, "__path__", []))
        found = [f"{parent}.{module.name}" for module in pkgutil.iter_modules(paths)]
    else:
        package, found = None, []
    top = Path(reference.working_directory, "src", reference.module.partition(".")[0])
    if package is None and (top.is_dir() or top.with_suffix(".py").is_file()):
        return TargetError(
            f"There is no module '{reference.module}' to import from "
            f"{reference.working_directory}.",
            hint=f"There is one in {top.parent}: install your project (pip install -e .), "
            f"or name that folder with -d {top.parent.name}.",
        )
    if package is None:
        found = [module.name for module in pkgutil.iter_modules([reference.working_directory])]
    return TargetError(
        f"There is no module '{reference.module}' to import from {reference.working_directory}.",
        hint=_nearest(reference.module, found, "Modules there"),
    )


def _nearest(name: str, candidates: Iterable[str], others: str) -> str | None:
    """A hint that names the candidates most like ``name``, or some of them."""
    known = list(dict.fromkeys(candidates))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    if known:
        return f"{others}: {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}."
    return None


def _attribute(
    reference: TargetReference, module: ModuleType, definitions: _Definitions | None
) -> object:
    """The object that the reference names in its module; else a job of that name."""
    assert reference.attribute is not None
    found: Any = module
    for part in reference.attribute.split("."):
        if not hasattr(found, part):
            if definitions and definitions.repository.has_job(reference.attribute):
                return definitions.repository.get_job(reference.attribute)
            raise TargetError(
                f"There is no '{reference.attribute}' in {reference.module or reference.file}.",
                hint=_nearest(
                    reference.attribute, _names_worth_naming(module, definitions), "It has"
                ),
            )
        found = getattr(found, part)
    return found


def _names_worth_naming(module: ModuleType, definitions: _Definitions | None) -> list[str]:
    """Dagster objects first, then functions that the module defines itself, then job names."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    dagster_objects = [
        name for name, value in public.items() if isinstance(value, _DAGSTER_OBJECTS)
    ]
    functions = [
        name
        for name, value in public.items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    return [*dagster_objects, *functions, *(definitions.job_names() if definitions else ())]


# --- the module's Definitions ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Definitions:
    """The ``Definitions`` (or repository) of a module and the attribute that holds it."""

    attribute: str
    repository: RepositoryDefinition

    def job_names(self) -> list[str]:
        return [
            name for name in self.repository.job_names if not name.startswith(IMPLICIT_ASSET_JOB)
        ]


def _repository(value: object) -> RepositoryDefinition | None:
    if isinstance(value, LazyDefinitions):
        value = value()
    if isinstance(value, Definitions):
        return value.get_repository_def()
    return value if isinstance(value, RepositoryDefinition) else None


def _find_definitions(module: ModuleType) -> _Definitions | None:
    """The module's definitions, ``defs`` first.

    None where they cannot be loaded: a target named by its own attribute does not need them.
    """
    kinds = (Definitions, LazyDefinitions, RepositoryDefinition)
    names = [name for name, value in vars(module).items() if isinstance(value, kinds)]
    for name in sorted(names, key=lambda name: name != "defs"):
        try:
            repository = _repository(getattr(module, name))
        except Exception:  # noqa: BLE001, S112 - whatever user code raises in there
            continue
        if repository is not None:
            return _Definitions(name, repository)
    return None


def _job_of_definitions(place: _Place) -> LoadedTarget:
    """The job named by ``--job`` among the module's definitions, or its only one."""
    reference, module = place.reference, place.module
    where = reference.module or reference.file
    if place.definitions is None:
        return _job_without_definitions(place)
    names = place.definitions.job_names()
    if reference.job is None:
        if len(names) == 1:
            return _from_definitions(place, names[0])
        raise TargetError(
            f"{reference.spelled} names no job.",
            hint=f"Choose one with --job: {', '.join(names)}." if names else "It defines no job.",
        )
    if place.definitions.repository.has_job(reference.job):
        return _from_definitions(place, reference.job)
    if isinstance(getattr(module, reference.job, None), JobDefinition):
        return _job_without_definitions(place)
    raise TargetError(
        f"There is no job '{reference.job}' in {where}.",
        hint=_nearest(reference.job, names, "Its jobs"),
    )


def _job_without_definitions(place: _Place) -> LoadedTarget:
    """The module's own name that ``--job`` gives, where no definitions hold it."""
    reference, module = place.reference, place.module
    if reference.job is not None and hasattr(module, reference.job):
        named = replace(reference, attribute=reference.job)
        return _resolve(replace(place, reference=named), getattr(module, reference.job))
    kinds = (Definitions, LazyDefinitions, RepositoryDefinition)
    for name, value in vars(module).items():
        if isinstance(value, kinds):
            raise _definitions_failed(reference, name, value)
    raise TargetError(
        f"{reference.module or reference.file} has no Definitions.",
        hint=_nearest(
            reference.job or "", _names_worth_naming(module, None), "Name one of these with ':'"
        ),
    )


def _definitions_failed(reference: TargetReference, name: str, holder: object) -> TargetError:
    """Why the module's definitions cannot be loaded, by trying once more."""
    details = None
    try:
        _repository(holder)
    except Exception as error:  # noqa: BLE001 - whatever user code raises in there
        details = last_frames(error)
    return TargetError(
        f"'{name}' in {reference.module or reference.file} cannot be loaded.", details=details
    )


# --- from an object to a loaded target ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a target was found: what its jobs take resources and executor from."""

    reference: TargetReference
    module: ModuleType
    definitions: _Definitions | None

    def loaded(
        self,
        kind: TargetKind,
        job: JobDefinition,
        pointer: JobPointer,
        *,
        op: OpDefinition | None = None,
    ) -> LoadedTarget:
        """A target with a job."""
        return LoadedTarget(
            reference=self.reference,
            kind=kind,
            module=self.module,
            job=job,
            ops=ops_by_handle(job),
            op=op,
            definitions=self.repository,
            resource_defs=job.resource_defs,
            pointer=pointer,
        )

    @property
    def repository(self) -> RepositoryDefinition | None:
        return self.definitions.repository if self.definitions else None

    @property
    def resources(self) -> dict[str, ResourceDefinition]:
        """Resources that the module's definitions give to every job."""
        repository = self.repository
        return dict(repository.get_top_level_resources()) if repository else {}


def _resolve(place: _Place, target: object) -> LoadedTarget:
    """Turn whatever the name stands for into a loaded target."""
    if isinstance(target, _DAGSTER_OBJECTS):
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


def _resolve_definition(place: _Place, target: object) -> LoadedTarget:
    """The same for what Dagster defines."""
    if isinstance(target, OpDefinition):
        return _from_op(place, target)
    if isinstance(target, (JobDefinition, UnresolvedAssetJobDefinition)):
        return _from_job(place, target)
    if isinstance(target, GraphDefinition):
        return place.loaded("graph", *_graph_job(place, target, place.reference.attribute))
    if isinstance(target, AssetsDefinition):
        if not isinstance(target.node_def, GraphDefinition):
            raise TargetError(
                f"Asset '{place.reference.attribute}' is a single step, without a dynamic graph.",
                hint="Name a graph asset, or the function that does the work for one item.",
            )
        return place.loaded("asset", *_asset_job(place, target))
    repository = _repository(target)
    assert repository is not None
    definitions = _Definitions(place.reference.attribute or "defs", repository)
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


def _from_definitions(place: _Place, name: str) -> LoadedTarget:
    """A job by its name in the definitions."""
    assert place.definitions is not None
    try:
        job = place.definitions.repository.get_job(name)
    except Exception as error:
        raise TargetError(f"Job '{name}' cannot be loaded.", details=last_frames(error)) from error
    return place.loaded("job", job, JobPointer(place.definitions.attribute, name))


def _from_job(place: _Place, job: JobDefinition | UnresolvedAssetJobDefinition) -> LoadedTarget:
    """A job, as the module's definitions complete it with resources and executor, if they do."""
    if place.repository and place.repository.has_job(job.name):
        defined = place.repository.get_job(job.name)
        if not isinstance(job, JobDefinition) or defined.graph is job.graph or defined is job:
            return _from_definitions(place, job.name)
    if isinstance(job, JobDefinition):
        return place.loaded("job", job, JobPointer(place.reference.attribute, job.name))
    values = vars(place.module).values()
    assets = [value for value in values if isinstance(value, AssetsDefinition)]
    try:
        resolved = Definitions(assets=assets, jobs=[job]).resolve_job_def(job.name)
    except Exception as error:
        raise TargetError(
            f"Asset job '{job.name}' cannot be resolved.", details=last_frames(error)
        ) from error
    return place.loaded("job", resolved, JobPointer(None, job.name))


def _graph_job(
    place: _Place, graph: GraphDefinition, attribute: str | None
) -> tuple[JobDefinition, JobPointer]:
    """The graph as a job, with the resources of the module's definitions."""
    try:
        job = graph.to_job(resource_defs=place.resources)
    except Exception as error:
        raise TargetError(
            f"Graph '{graph.name}' cannot be made a job.", details=last_frames(error)
        ) from error
    return job, JobPointer(None if place.resources else attribute, job.name)


def _asset_job(place: _Place, asset: AssetsDefinition) -> tuple[JobDefinition, JobPointer]:
    """A job that materializes the asset alone."""
    keys = set(asset.keys)
    definitions = place.definitions
    try:
        if definitions and keys <= set(definitions.repository.assets_defs_by_key):
            whole = definitions.repository.get_implicit_job_def_for_assets(keys)
            if whole is not None:
                job = whole.get_subset(asset_selection=keys)
                paths = tuple(tuple(key.path) for key in sorted(keys))
                return job, JobPointer(definitions.attribute, whole.name, paths)
        name = f"materialize_{asset.node_def.name}"
        unresolved = define_asset_job(name, selection=AssetSelection.assets(*keys))
        job = Definitions(assets=[asset], jobs=[unresolved]).resolve_job_def(name)
    except Exception as error:
        raise TargetError(
            f"Asset '{asset.node_def.name}' cannot be made a job.", details=last_frames(error)
        ) from error
    return job, JobPointer(None, job.name)


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
    wanted, todo = set(keys), list(keys)
    while todo:
        for parent in graph.get(todo.pop()).parent_keys:
            if parent not in wanted and graph.get(parent).is_materializable:
                wanted.add(parent)
                todo.append(parent)
    whole = loaded.definitions.get_implicit_job_def_for_assets(wanted)
    return whole.get_subset(asset_selection=wanted) if whole else None


def _from_op(place: _Place, op: OpDefinition) -> LoadedTarget:
    """An op, with the job that maps it where there is one in the same module."""
    resources: Mapping[str, ResourceDefinition] = place.resources
    fans_out: LoadedTarget | None = None
    for job, pointer in _jobs_around(place):
        handles = {handle for handle, used in ops_by_handle(job).items() if _is_same_op(used, op)}
        if not handles:
            continue
        resources = resources or job.resource_defs
        try:
            mapped = mapped_steps(execution_plan(job, None))
        except TargetError:
            continue
        if handles & set(mapped):
            return place.loaded("op", job, pointer, op=op)
        if fans_out is None and handles & {step.resolved_by_step_key for step in mapped.values()}:
            fans_out = place.loaded("op", job, pointer, op=op)
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


def _jobs_around(place: _Place) -> Iterator[tuple[JobDefinition, JobPointer]]:
    """Every job that could use an op of the module, each graph once.

    Defined ones come first, then jobs of the module, then those made in memory.
    """
    known: set[int] = set()
    for makers in (_defined_jobs(place), _own_jobs(place)):
        for graph, make in makers:
            if id(graph) in known:
                continue
            known.add(id(graph))
            try:
                yield make()
            except TargetError:
                continue


_JobMaker = tuple[object, Callable[[], tuple[JobDefinition, JobPointer]]]


def _defined_jobs(place: _Place) -> Iterator[_JobMaker]:
    """The jobs of the module's definitions, by their graphs."""
    if place.definitions is None:
        return
    for name in place.definitions.job_names():
        job = place.definitions.repository.get_job(name)
        pointer = JobPointer(place.definitions.attribute, name)
        yield job.graph, partial(_both, job, pointer)


def _own_jobs(place: _Place) -> Iterator[_JobMaker]:
    """Jobs that the module's own names hold, or that can be made of its graphs and assets."""
    values = {name: value for name, value in vars(place.module).items() if name[:2] != "__"}
    for name, value in values.items():
        if isinstance(value, JobDefinition):
            yield value.graph, partial(_both, value, JobPointer(name, value.name))
    for value in values.values():
        if isinstance(value, GraphDefinition):
            yield value, partial(_graph_job, place, value, None)
    assets = [value for value in values.values() if isinstance(value, AssetsDefinition)]
    if place.repository:
        assets += list(place.repository.assets_defs_by_key.values())
    for asset in assets:
        if isinstance(asset.node_def, GraphDefinition):
            yield asset.node_def, partial(_asset_job, place, asset)


def _both(job: JobDefinition, pointer: JobPointer) -> tuple[JobDefinition, JobPointer]:
    return job, pointer


# --- in another process ---------------------------------------------------------------------


def reconstructable_job(reference: TargetReference) -> ReconstructableJob:
    """The job of a target in the form that Dagster can rebuild in a child process.

    A job loaded by module name keeps that module's name, which Dagster's forkserver preloads by
    default; a job made in memory (of a graph, of an asset) is rebuilt by ``rebuild_job``.

    Raises:
        TargetError: The target has no job, or cannot be loaded.
    """
    return reconstructable_of(load_target(reference))


def reconstructable_of(loaded: LoadedTarget) -> ReconstructableJob:
    """``reconstructable_job`` for a target that is loaded already."""
    reference, pointer = loaded.reference, loaded.pointer
    if pointer is None or loaded.job is None:
        raise TargetError(f"'{reference.spelled}' has no job that could be run.")
    if pointer.attribute is None or "." in pointer.attribute:
        return build_reconstructable_job(
            __name__,
            rebuild_job.__name__,
            reconstructable_kwargs=asdict(reference),
            reconstructor_working_directory=reference.working_directory,
        )
    code: FileCodePointer | ModuleCodePointer
    if reference.file is not None:
        code = FileCodePointer(reference.file, pointer.attribute, reference.working_directory)
    else:
        assert reference.module is not None
        code = ModuleCodePointer(reference.module, pointer.attribute, reference.working_directory)
    keys = frozenset(AssetKey(list(path)) for path in pointer.asset_keys)
    return ReconstructableJob(
        ReconstructableRepository(code), pointer.job_name, asset_selection=keys or None
    )


def rebuild_job(**reference: Any) -> JobDefinition:
    """Load the job of a target reference, given field by field: called in Dagster's children."""
    job = load_target(TargetReference(**reference)).job
    assert job is not None, "only targets with a job are made reconstructable"
    return job
