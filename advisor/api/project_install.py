"""How a project is installed on a runner of its own, and where its repository begins."""

import re
from collections.abc import Mapping
from pathlib import Path

from advisor.domain.errors import ConfigurationError

WORKFLOW = Path(".github") / "workflows" / "dynadvise.yml"


def repository_of(root: Path) -> Path:
    """The repository around a project, whose folder it need not be."""
    return next((each for each in (root, *root.parents) if (each / ".git").exists()), root)


def text_of(path: Path) -> str | None:
    """The file's text; None: there is no such file.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        # Bytes as they are: line ends of a file from another system stay.
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None


def runner(root: Path, notes: list[str]) -> str:
    """What stands before ``dynadvise`` in a project of uv; nothing in another."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        project = tomlkit.parse(text_of(root / "pyproject.toml") or "").unwrap()
    except TOMLKitError:
        return ""  # told where the file is changed
    uv = _part(project.get("tool"), "uv")
    if uv is None and not (root / "uv.lock").is_file():
        return ""
    sources = _part(uv, "sources")
    paths = {
        name: str(source["path"])
        for name, source in (sources.items() if isinstance(sources, dict) else ())
        if isinstance(source, dict) and "path" in source
    }
    _name_outside(root, paths, notes)
    if "dynadvise" not in str(project.get("dependency-groups", "")) + str(project.get("project")):
        notes.append("Add dynadvise to the project first: uv add --dev dynadvise")
    return "uv run "


def _part(table: object, name: str) -> object:
    """A part of a table; None where it has none, or is none."""
    return table.get(name) if isinstance(table, dict) else None


def _name_outside(root: Path, paths: Mapping[str, str], notes: list[str]) -> None:
    """Say which dependencies, by name, are folders that a checkout does not have."""
    repository = repository_of(root)
    outside = [
        name
        for name, path in paths.items()
        if not (root / path).resolve().is_relative_to(repository)
    ]
    if outside:
        notes.append(
            f"{', '.join(outside)}: a path outside the repository, which a runner does not have: "
            f"{WORKFLOW} needs it checked out beside it."
        )


def installation(root: Path, notes: list[str]) -> str:
    """How the project is installed, by the files that it has."""
    pyproject = text_of(root / "pyproject.toml") or ""
    packaged = "[project]" in pyproject or "[tool.poetry]" in pyproject
    parts = []
    if (required := text_of(root / "requirements.txt")) is not None:
        parts.append("--requirement requirements.txt")
        folders = re.findall(r"^(?:-e |--editable[ =])?\s*(\.{1,2}/\S*)", required, re.MULTILINE)
        _name_outside(root, {folder: folder for folder in folders}, notes)
    if packaged or (root / "setup.py").is_file():
        parts.append("--editable .")
    if not parts:
        return "pip install dagster dynadvise # and what the project needs"
    return f"pip install {' '.join(parts)} dynadvise"
