"""The code locations of a project, found as Dagster's own tools find them; nothing is imported."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetReference

WORKSPACES = ("workspace.yaml", "workspace.yml")


def code_locations(folder: Path) -> tuple[TargetReference, ...]:
    """The code locations of the project in which a folder lies; empty where it lies in none.

    Looked for from the folder upwards: ``[tool.dagster]`` or ``[tool.dg]`` in pyproject.toml (or a
    dg.toml), then a workspace file; and in the folder itself a ``definitions.py``, alone or in a
    package.

    Raises:
        TargetError: A file that names them cannot be understood.
    """
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        named = _named(place)
        workspace = next((place / name for name in WORKSPACES if (place / name).is_file()), None)
        if named or workspace:
            return named or locations_of_workspace(workspace or place)
    return tuple(_of_package(folder) or _with_definitions_file(folder))


def _of_package(folder: Path) -> list[TargetReference]:
    """The folder itself, where it is a package; its definitions.py, where it has one."""
    names = ["definitions"] if (folder / "definitions.py").is_file() else []
    root = folder
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    return [location(root, module=".".join(names))] if root != folder else []


def locations_of_workspace(file: Path) -> tuple[TargetReference, ...]:
    """The code locations of a workspace.yaml; servers, whose code is elsewhere, are left out.

    Raises:
        TargetError: Dagster cannot read it, or it names servers alone.
    """
    from advisor.dagster_bridge.private import location_origins_from_yaml_paths

    try:
        origins = location_origins_from_yaml_paths([str(file)])
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise TargetError(f"{file} cannot be read as a workspace: {first}") from error
    targets = map(_target, origins)
    try:
        found = tuple(
            location(
                Path(file.parent, target.working_directory or ".").resolve(),
                module=_module_of(target),
                file=target.python_file,
                attribute=target.attribute,
            )
            for target in targets
            if target and (_module_of(target) or target.python_file)
        )
    except ValueError as error:  # a zero byte
        raise TargetError(f"{file} names a path that none can have: {error}.") from error
    if origins and not found:
        raise TargetError(
            f"{file} names servers alone, whose code is elsewhere.",
            hint="Name the code, a file or a module: dynadvise list FILE.py",
        )
    return found


def _module_of(target: Any) -> str | None:
    module: str | None = target.module_name or target.package_name
    return module or target.autoload_defs_module_name


def _target(origin: Any) -> Any:
    """What of code an origin loads; None of a server, whose code is elsewhere."""
    from dagster import DagsterInvariantViolationError

    try:
        return origin.loadable_target_origin
    except (AttributeError, DagsterInvariantViolationError):
        return None


def uses_dagster(file: Path) -> bool:
    """Whether the word stands in a source file."""
    return "dagster" in file.read_text(encoding="utf-8", errors="replace")


def location(
    folder: Path,
    *,
    module: str | None = None,
    file: str | Path | None = None,
    attribute: str | None = None,
) -> TargetReference:
    """A module or file whose definitions are meant, spelled as it is typed in its folder."""
    if module is not None:
        folder = _import_folder(folder, module)
    path = Path(folder, file).resolve() if file is not None else None
    inside = path is not None and path.is_relative_to(folder)
    where = module or str(path.relative_to(folder) if path and inside else path)
    return TargetReference(
        spelled=f"{where}:{attribute}" if attribute else where,
        module=module,
        file=str(path) if path else None,
        attribute=attribute,
        job=None,
        working_directory=str(folder),
    )


def _import_folder(folder: Path, module: str) -> Path:
    """The folder, or its ``src`` where the module's package lies there and is not installed."""
    top = module.partition(".")[0]

    def holds(place: Path) -> bool:
        return (place / top).is_dir() or (place / f"{top}.py").is_file()

    if holds(folder) or not holds(folder / "src") or find_spec(top) is not None:
        return folder
    return folder / "src"


def _named(folder: Path) -> tuple[TargetReference, ...]:
    """What ``[tool.dagster]`` or ``[tool.dg]`` names, the projects of a dg workspace among it.

    Raises:
        TargetError: A value in it is of a kind that Dagster takes nowhere.
    """
    try:
        return tuple(_named_in_toml(folder))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise TargetError(
            "What [tool.dagster] or [tool.dg] says of the project's modules cannot be understood.",
            where=str(folder),
            hint='They are named by `module_name = "package.definitions"` in [tool.dagster], or by '
            '`root_module = "package"` in [tool.dg.project].',
        ) from None


def _named_in_toml(folder: Path, *, is_workspace: bool = True) -> Iterator[TargetReference]:
    dagster, dg = _tables(folder)
    modules = [each["name"] for each in dagster.get("modules", ()) if each.get("type") == "module"]
    for module in filter(None, [dagster.get("module_name"), *modules]):
        yield location(folder, module=module)
    project = dg.get("project", {})
    if project.get("root_module") and not dagster:
        key, inside = "code_location_target_module", "definitions"
        if project.get("autoload_defs"):
            key, inside = "defs_module", "defs"
        yield location(folder, module=project.get(key) or f"{project['root_module']}.{inside}")
    projects = dg.get("workspace", {}).get("projects", ()) if is_workspace else ()
    for each in projects:  # a project of a workspace is no workspace, be it the same folder
        yield from _named_in_toml(folder / each["path"], is_workspace=False)


def is_autoloaded(package: Path) -> bool:
    """Whether a package is in a dg project that loads every definition by itself.

    ``autoload_defs`` in ``[tool.dg.project]``: no module of it holds its definitions.
    """
    for folder in package.parents:
        if (folder / "pyproject.toml").is_file() or (folder / "dg.toml").is_file():
            with suppress(AttributeError, TargetError):
                return bool(_tables(folder)[1].get("project", {}).get("autoload_defs"))
    return False


def _tables(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """``[tool.dagster]`` and ``[tool.dg]`` of a folder, or its dg.toml; empty without them."""
    pyproject, dg_toml = folder / "pyproject.toml", folder / "dg.toml"
    tool = _toml(pyproject).get("tool", {}) if pyproject.is_file() else {}
    dg = _toml(dg_toml) if dg_toml.is_file() else tool.get("dg", {})
    return tool.get("dagster", {}), dg


def _toml(file: Path) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TargetError(f"{file} cannot be read: {error}.") from error


def _with_definitions_file(folder: Path) -> Iterator[TargetReference]:
    """Root modules with a definitions.py, in the folder and in its ``src``."""
    for place in (folder, folder / "src"):
        if (place / "definitions.py").is_file():
            yield location(place, module="definitions")
        for file in sorted(place.glob("*/definitions.py")):
            if (file.parent / "__init__.py").is_file():
                yield location(place, module=f"{file.parent.name}.definitions")
