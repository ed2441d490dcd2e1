"""How a user spells a target, and the import of its module or file, or what hinders that."""

import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from advisor.dagster_bridge.private import load_python_file
from advisor.dagster_bridge.user_frames import (
    last_frames,
    root_cause,
    type_in_words,
    user_location,
)
from advisor.dagster_bridge.user_path import loading_user_code, shadowed_names
from advisor.domain.command_line import path_of
from advisor.domain.errors import TargetError
from advisor.domain.nearest import nearest_or_some
from advisor.domain.workload import TargetReference


def parse_target(
    spelled: str,
    *,
    job: str | None = None,
    asset: str | None = None,
    working_directory: Path | None = None,
) -> TargetReference:
    """Read ``module:attribute``, ``path/to/file.py:attribute``, or a module or file alone.

    Raises:
        TargetError: It is empty or has an empty part, or both a job and an asset are named.
    """
    if job and asset:
        raise TargetError("--job and --asset name two targets.", hint="Give one of them.")
    directory = (working_directory or Path.cwd()).resolve()
    where, separator, attribute = spelled.strip().rpartition(":")
    if not separator:
        where, attribute = spelled.strip(), ""
    if not where or (separator and not attribute):
        raise TargetError(
            f"'{spelled}' is not a target.",
            hint="Spell it module:name or path/to/file.py:name; a module alone needs --job NAME "
            "or --asset KEY.",
        )
    is_file = where.endswith(".py") or "/" in where
    return TargetReference(
        spelled=spelled,
        module=None if is_file else where,
        file=str((directory / path_of(where)).resolve()) if is_file else None,
        attribute=attribute or None,
        job=job,
        working_directory=str(directory),
        asset=asset,
    )


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
        with loading_user_code(*reference.import_folders):
            if reference.file is not None:
                return load_python_file(reference.file, reference.working_directory)
            return importlib.import_module(str(reference.module))
    except (Exception, SystemExit) as error:
        if reference.module_name not in before:  # a half loaded module
            sys.modules.pop(reference.module_name, None)
        if _is_missing_module(error, reference.module):
            raise _no_such_module(str(reference.module), reference.working_directory) from error
        raise _import_failed(reference, error) from error


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
            shadowed_names(reference.import_folders, last_frames(error, 99))
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
    if not file.parent.is_dir():
        return TargetError(f"There is no folder {file.parent}.", hint="Check the path.")
    siblings = sorted(path.name for path in file.parent.glob("*.py"))
    return TargetError(
        f"There is no file {file}.", hint=nearest_or_some(file.name, siblings, "Files there")
    )


def _no_such_module(module: str, working_directory: str) -> TargetError:
    parent, _, last = module.rpartition(".")
    package = _imported(parent)
    if package is not None and hasattr(package, last):
        return TargetError(
            f"There is no module '{module}'.",
            hint=f"'{last}' is a name in module '{parent}': spell it {parent}:{last}.",
        )
    what = f"There is no module '{module}' to import from {working_directory}."
    top = Path(working_directory, "src", module.partition(".")[0])
    if package is None and (top.is_dir() or top.with_suffix(".py").is_file()):
        return TargetError(
            what,
            hint=f"There is one in {top.parent}: install your project (pip install -e .), "
            f"or name that folder with -d {top.parent.name}.",
        )
    folders = [working_directory] if package is None else list(getattr(package, "__path__", []))
    prefix = "" if package is None else f"{parent}."
    modules = [each.name for each in pkgutil.iter_modules(folders, prefix)]
    return TargetError(what, hint=nearest_or_some(module, modules, "Modules there"))


def _imported(package: str) -> ModuleType | None:
    try:
        return importlib.import_module(package) if package else None
    except Exception:  # noqa: BLE001 - only the hint depends on it
        return None
