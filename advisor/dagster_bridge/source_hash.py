"""A hash of what an op does: its source and that of what it calls in the same project.

Read from source files by ``ast``, so that comments, blank lines and docstrings do not matter, and
nothing is executed. Followed are top-level names (functions, classes, assignments) and names
imported from modules of the same project: the same top-level package or, for a module outside any
package, modules in the same folder.
"""

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from advisor.domain.workload import SourceLocation


def source_location(function: Callable[..., Any] | None) -> SourceLocation | None:
    """File and line of a function's definition; None where it has no Python source."""
    code = getattr(_plain(function), "__code__", None)
    if code is None:
        return None
    return SourceLocation(str(Path(code.co_filename)), code.co_firstlineno)


def source_hash(function: Callable[..., Any] | None) -> str | None:
    """SHA-256 of the function's normalised source and of all that it reaches in its project.

    None where there is no source to read.
    """
    location = source_location(function)
    if location is None:
        return None
    module_name = str(getattr(_plain(function), "__module__", ""))
    start = _module(module_name, location.file)
    if start is None:
        return None
    node = _definition_at(start.tree, location.line)
    if node is None:
        return None
    reached: dict[tuple[str, str], str] = {}
    _reach(start, _name_of(node), node, start.root, reached)
    digest = hashlib.sha256()
    for entry in sorted((Path(file).name, name, text) for (file, name), text in reached.items()):
        digest.update("\0".join(entry).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _plain(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function)


@dataclass(frozen=True, slots=True, eq=False)
class _Module:
    """One source file: its top-level definitions and what its names are imported from."""

    name: str
    file: str
    tree: ast.Module
    root: Path

    def definitions(self, name: str) -> list[ast.stmt]:
        """The top-level statements that define a name."""
        return [statement for statement in _top_level(self.tree) if name in _defined(statement)]


@lru_cache(maxsize=256)
def _parsed(file: str, changed_ns: int) -> ast.Module | None:
    """A file's syntax tree; the time of its last change is part of the key."""
    del changed_ns
    try:
        return ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None


def _module(name: str, file: str) -> _Module | None:
    path = Path(file)
    if not path.is_file():
        return None
    tree = _parsed(file, path.stat().st_mtime_ns)
    if tree is None:
        return None
    return _Module(name, file, tree, _project_root(path))


def _project_root(file: Path) -> Path:
    """The folder of the top-level package that a file is in, else the file's own folder."""
    folder = file.resolve().parent
    while (folder / "__init__.py").is_file() and (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Top-level statements, and those inside top-level ``if`` and ``try``."""
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        statement = todo.pop(0)
        yield statement
        if isinstance(statement, (ast.If, ast.Try)):
            todo.extend(statement.body)
            todo.extend(statement.orelse)


def _defined(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    return {
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    }


def _name_of(node: ast.stmt) -> str:
    return next(iter(_defined(node)), f"line {node.lineno}")


def _definition_at(tree: ast.Module, line: int) -> ast.stmt | None:
    """The top-level statement that holds a line (decorators included)."""
    for statement in tree.body:
        first = min(
            [statement.lineno, *(mark.lineno for mark in getattr(statement, "decorator_list", []))]
        )
        if first <= line <= (statement.end_lineno or statement.lineno):
            return statement
    return None


def _reach(
    module: _Module,
    name: str,
    node: ast.stmt,
    root: Path,
    reached: dict[tuple[str, str], str],
) -> None:
    """Add a definition and everything of the project that it names, once each."""
    key = (module.file, f"{name}@{type(node).__name__}" if name in _defined(node) else name)
    normalised = ast.dump(_without_docstrings(node))
    if normalised in reached.get(key, ""):  # a name may be defined by several statements
        return
    reached[key] = reached.get(key, "") + normalised
    imports = {**_imports(module, _top_level(module.tree)), **_imports(module, ast.walk(node))}
    for used in _names_used(node):
        head, _, rest = used.partition(".")
        for definition in module.definitions(head):
            if definition is not node:
                _reach(module, head, definition, root, reached)
        if head in imports:
            _reach_import(imports[head], rest, root, reached)


def _reach_import(
    imported: tuple[str, str | None],
    rest: str,
    root: Path,
    reached: dict[tuple[str, str], str],
) -> None:
    """Follow one imported name, if what it stands for is of the project."""
    module_name, attribute = imported
    if attribute is not None:
        submodule = _loaded_module(f"{module_name}.{attribute}", root)
        if submodule is not None:
            module_name, attribute = f"{module_name}.{attribute}", None
    path = [part for part in (attribute, *rest.split(".")) if part]
    module = _loaded_module(module_name, root)
    while path and (deeper := _loaded_module(f"{module_name}.{path[0]}", root)) is not None:
        module, module_name = deeper, f"{module_name}.{path.pop(0)}"
    if module is None or not path:
        return
    definitions = module.definitions(path[0])
    for definition in definitions:
        _reach(module, path[0], definition, root, reached)
    if not definitions:  # the module only passes it on
        passed_on = _imports(module, _top_level(module.tree)).get(path[0])
        if passed_on is not None and passed_on != imported:
            _reach_import(passed_on, ".".join(path[1:]), root, reached)


def _loaded_module(name: str, root: Path) -> _Module | None:
    """A module of the project by its name, found among the imported ones or by its place."""
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is None:
        place = root.parent if (root / "__init__.py").is_file() else root
        base = place.joinpath(*name.split("."))
        for candidate in (base.with_suffix(".py"), base / "__init__.py"):
            if candidate.is_file():
                file = str(candidate)
    if file is None or not file.endswith(".py"):
        return None
    path = Path(file).resolve()
    if not path.is_relative_to(root) or "site-packages" in path.relative_to(root).parts:
        return None
    return _module(name, str(path))


def _imports(module: _Module, nodes: Iterator[Any]) -> dict[str, tuple[str, str | None]]:
    """Local name to (module, attribute) of every import among the nodes."""
    imports: dict[str, tuple[str, str | None]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    imports[alias.asname] = (alias.name, None)
                else:
                    head = alias.name.partition(".")[0]
                    imports[head] = (head, None)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                imports[alias.asname or alias.name] = (base, alias.name)
    return imports


def _absolute(module: _Module, node: ast.ImportFrom) -> str:
    """The absolute name of the module that a (perhaps relative) import names."""
    if not node.level:
        return node.module or ""
    is_package = Path(module.file).name == "__init__.py"
    parts = module.name.split(".")
    keep = len(parts) - node.level + (1 if is_package else 0)
    return ".".join([*parts[: max(keep, 0)], *([node.module] if node.module else [])])


def _names_used(node: ast.AST) -> list[str]:
    """Names and dotted names that a definition reads, in order and without repetition."""
    names: dict[str, None] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            dotted = _dotted(part)
            if dotted:
                names[dotted] = None
        elif isinstance(part, ast.Name):
            names[part.id] = None
    return list(names)


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _without_docstrings(node: ast.stmt) -> ast.stmt:
    """A copy without docstrings (a body of nothing else keeps a ``pass``)."""
    copy = ast.parse(ast.unparse(node)).body[0]
    for part in ast.walk(copy):
        if (
            isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and ast.get_docstring(part, clean=False) is not None
        ):
            part.body = part.body[1:] or [ast.Pass()]
    return copy
