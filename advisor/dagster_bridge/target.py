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
from dataclasses import asdict, dataclass, field
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
from advisor.dagster_bridge.user_frames import last_frames, user_location
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
    module = load_module(reference)
    definitions = _find_definitions(module)
    if reference.attribute is None:
        return _job_of_definitions(reference, module, definitions)
    target = _attribute(reference, module, definitions)
    return _resolve(reference, module, definitions, target)


def load_module(reference: TargetReference) -> ModuleType:
    """Import the module or file that a reference names.

    Raises:
        TargetError: It does not exist, or importing it failed.
    """
    make_importable(reference)
    before = set(sys.modules)
    try:
        if reference.file is not None:
            if not Path(reference.file).is_file():
                raise _no_such_file(Path(reference.file))
            return load_python_file(reference.file, reference.working_directory)
        assert reference.module is not None
        return importlib.import_module(reference.module)
    except TargetError:
        raise
    except (Exception, SystemExit) as error:
        for name in _half_loaded(reference, before):
            sys.modules.pop(name, None)
        if _is_missing_module(error, reference.module):
            raise _no_such_module(reference) from error
        raise _import_failed(reference, error) from error


def make_importable(reference: TargetReference) -> None:
    """Put the working directory, and a file's own directory, on ``sys.path``."""
    wanted = [reference.working_directory]
    if reference.file is not None:
        wanted.append(str(Path(reference.file).parent))
    for place, directory in enumerate(dict.fromkeys(wanted)):
        if directory not in sys.path:
            sys.path.insert(place, directory)
    importlib.invalidate_caches()


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
        happened = f"could not be imported: {type(error.__cause__ or error).__name__}"
        hint = "The module must import without an error in this environment."
    return TargetError(
        f"{what} {happened}.",
        where=str(location) if location else None,
        details=last_frames(error),
        hint=hint,
    )


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


def _job_of_definitions(
    reference: TargetReference, module: ModuleType, definitions: _Definitions | None
) -> LoadedTarget:
    """The job named by ``--job`` among the module's definitions, or its only one."""
    if definitions is None:
        holders = [
            name
            for name, value in vars(module).items()
            if isinstance(value, (Definitions, LazyDefinitions, RepositoryDefinition))
        ]
        for name in holders:
            try:
                _repository(getattr(module, name))
            except Exception as error:
                raise TargetError(
                    f"'{name}' in {reference.module or reference.file} cannot be loaded.",
                    details=last_frames(error),
                ) from error
        if reference.job is not None and hasattr(module, reference.job):
            return _resolve(reference, module, None, getattr(module, reference.job))
        raise TargetError(
            f"{reference.module or reference.file} has no Definitions.",
            hint=_nearest(
                reference.job or "", _names_worth_naming(module, None), "Name one of these with ':'"
            ),
        )
    names = definitions.job_names()
    if reference.job is None:
        if len(names) == 1:
            return _from_definitions(reference, module, definitions, names[0])
        raise TargetError(
            f"{reference.spelled} names no job.",
            hint=f"Choose one with --job: {', '.join(names)}." if names else "It defines no job.",
        )
    if not definitions.repository.has_job(reference.job):
        raise TargetError(
            f"There is no job '{reference.job}' in {reference.module or reference.file}.",
            hint=_nearest(reference.job, names, "Its jobs"),
        )
    return _from_definitions(reference, module, definitions, reference.job)


# --- from an object to a loaded target ------------------------------------------------------


def _resolve(
    reference: TargetReference,
    module: ModuleType,
    definitions: _Definitions | None,
    target: object,
) -> LoadedTarget:
    """Turn whatever the name stands for into a loaded target."""
    if isinstance(target, (Definitions, LazyDefinitions, RepositoryDefinition)):
        repository = _repository(target)
        assert repository is not None
        attribute = reference.attribute or "defs"
        return _job_of_definitions(reference, module, _Definitions(attribute, repository))
    if isinstance(target, (JobDefinition, UnresolvedAssetJobDefinition)):
        return _from_job(reference, module, definitions, target)
    if isinstance(target, GraphDefinition):
        return _loaded(
            reference, "graph", module, definitions, *_graph_job(target, definitions, reference)
        )
    if isinstance(target, AssetsDefinition):
        if not isinstance(target.node_def, GraphDefinition):
            raise TargetError(
                f"Asset '{reference.attribute}' is a single step, without a dynamic graph.",
                hint="Name a graph asset, or the function that does the work for one item.",
            )
        return _loaded(reference, "asset", module, definitions, *_asset_job(target, definitions))
    if isinstance(target, OpDefinition):
        return _from_op(reference, module, definitions, target)
    if callable(target) and not inspect.isclass(target):
        if _makes_a_job(target):
            return _resolve(reference, module, definitions, target())
        return LoadedTarget(
            reference=reference,
            kind="function",
            module=module,
            function=target,
            definitions=definitions.repository if definitions else None,
        )
    raise TargetError(
        f"'{reference.attribute}' is a {type(target).__name__}, which cannot be measured.",
        hint="Name an op, a job, a graph, a graph asset or a function.",
    )


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


def _loaded(
    reference: TargetReference,
    kind: TargetKind,
    module: ModuleType,
    definitions: _Definitions | None,
    job: JobDefinition,
    pointer: JobPointer,
) -> LoadedTarget:
    return LoadedTarget(
        reference=reference,
        kind=kind,
        module=module,
        job=job,
        ops=ops_by_handle(job),
        definitions=definitions.repository if definitions else None,
        resource_defs=job.resource_defs,
        pointer=pointer,
    )


def _from_definitions(
    reference: TargetReference, module: ModuleType, definitions: _Definitions, name: str
) -> LoadedTarget:
    try:
        job = definitions.repository.get_job(name)
    except Exception as error:
        raise TargetError(f"Job '{name}' cannot be loaded.", details=last_frames(error)) from error
    pointer = JobPointer(definitions.attribute, name)
    return _loaded(reference, "job", module, definitions, job, pointer)


def _from_job(
    reference: TargetReference,
    module: ModuleType,
    definitions: _Definitions | None,
    job: JobDefinition | UnresolvedAssetJobDefinition,
) -> LoadedTarget:
    """A job, as the module's definitions complete it with resources and executor, if they do."""
    if definitions and definitions.repository.has_job(job.name):
        defined = definitions.repository.get_job(job.name)
        if not isinstance(job, JobDefinition) or defined.graph is job.graph or defined is job:
            return _from_definitions(reference, module, definitions, job.name)
    if isinstance(job, UnresolvedAssetJobDefinition):
        assets = [value for value in vars(module).values() if isinstance(value, AssetsDefinition)]
        try:
            resolved = Definitions(assets=assets, jobs=[job]).resolve_job_def(job.name)
        except Exception as error:
            raise TargetError(
                f"Asset job '{job.name}' cannot be resolved.", details=last_frames(error)
            ) from error
        pointer = JobPointer(None, job.name)
        return _loaded(reference, "job", module, definitions, resolved, pointer)
    return _loaded(
        reference, "job", module, definitions, job, JobPointer(reference.attribute, job.name)
    )


def _graph_job(
    graph: GraphDefinition, definitions: _Definitions | None, reference: TargetReference | None
) -> tuple[JobDefinition, JobPointer]:
    """The graph as a job, with the resources of the module's definitions."""
    resources = definitions.repository.get_top_level_resources() if definitions else {}
    try:
        job = graph.to_job(resource_defs=dict(resources))
    except Exception as error:
        raise TargetError(
            f"Graph '{graph.name}' cannot be made a job.", details=last_frames(error)
        ) from error
    attribute = reference.attribute if reference and not resources else None
    return job, JobPointer(attribute, job.name)


def _asset_job(
    asset: AssetsDefinition, definitions: _Definitions | None
) -> tuple[JobDefinition, JobPointer]:
    """A job that materializes the asset alone."""
    keys = set(asset.keys)
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


def _from_op(
    reference: TargetReference,
    module: ModuleType,
    definitions: _Definitions | None,
    op: OpDefinition,
) -> LoadedTarget:
    """An op, with the job that maps it where there is one in the same module."""
    resources: Mapping[str, ResourceDefinition] = (
        definitions.repository.get_top_level_resources() if definitions else {}
    )
    fans_out: LoadedTarget | None = None
    for job, pointer in _jobs_around(module, definitions):
        handles = {handle for handle, used in ops_by_handle(job).items() if _is_same_op(used, op)}
        if not handles:
            continue
        resources = resources or job.resource_defs
        try:
            mapped = mapped_steps(execution_plan(job, None))
        except TargetError:
            continue
        loaded = LoadedTarget(
            reference=reference,
            kind="op",
            module=module,
            job=job,
            ops=ops_by_handle(job),
            op=op,
            definitions=definitions.repository if definitions else None,
            resource_defs=job.resource_defs,
            pointer=pointer,
        )
        if handles & set(mapped):
            return loaded
        if fans_out is None and handles & {step.resolved_by_step_key for step in mapped.values()}:
            fans_out = loaded
    if fans_out is not None:
        return fans_out
    return LoadedTarget(
        reference=reference,
        kind="op",
        module=module,
        ops={op.name: op},
        op=op,
        definitions=definitions.repository if definitions else None,
        resource_defs=resources,
    )


def _is_same_op(one: OpDefinition, other: OpDefinition) -> bool:
    """Whether two definitions are one op: Dagster copies them for hooks, tags and aliases."""
    function = getattr(other.compute_fn, "decorated_fn", None)
    return one is other or (
        function is not None and getattr(one.compute_fn, "decorated_fn", None) is function
    )


def _jobs_around(
    module: ModuleType, definitions: _Definitions | None
) -> Iterator[tuple[JobDefinition, JobPointer]]:
    """Every job that could use an op of the module: defined ones first, then made in memory."""
    values = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    known: set[int] = set()
    assets = [value for value in values.values() if isinstance(value, AssetsDefinition)]
    if definitions:
        for name in definitions.job_names():
            job = definitions.repository.get_job(name)
            known.add(id(job.graph))
            yield job, JobPointer(definitions.attribute, name)
        assets += list(definitions.repository.assets_defs_by_key.values())
    for name, value in values.items():
        if isinstance(value, JobDefinition) and id(value.graph) not in known:
            known.add(id(value.graph))
            yield value, JobPointer(name, value.name)
    for value in values.values():
        if isinstance(value, GraphDefinition) and id(value) not in known:
            known.add(id(value))
            try:
                yield _graph_job(value, definitions, None)
            except TargetError:
                continue
    for asset in assets:
        if isinstance(asset.node_def, GraphDefinition) and id(asset.node_def) not in known:
            known.add(id(asset.node_def))
            try:
                yield _asset_job(asset, definitions)
            except TargetError:
                continue


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
