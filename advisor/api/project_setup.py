"""The use case behind ``dynadvise init``: settings, a pre-commit entry and a CI job, as a plan.

The plan holds each file as it is and as it would be, so that it can be shown before it is carried
out; what is there already stays as it is, and a second plan is empty.
"""

import difflib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.api.project_install import WORKFLOW, installation, repository_of, runner, text_of
from advisor.dagster_bridge.yaml_file import read_yaml
from advisor.domain.errors import ConfigurationError, DynadviseError

HOOK_ID = "dynadvise"

_HOOK = """\
- repo: local
  hooks:
    - id: dynadvise
      name: dynadvise check --static
      entry: {entry}
      # In the project's own environment: the definitions are imported.
      language: system
      types_or: [python, toml, json]
      pass_filenames: false
"""

_WORKFLOW_TEXT = """\
# Does a pull request make a dynamic workload slower, or its configuration wrong?
name: dynadvise

on: pull_request

permissions:
  contents: read

jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v5
        with:
          fetch-depth: 0 # the base revision is checked out beside the head
{install}
      - run: {run}dynadvise check --base "origin/$GITHUB_BASE_REF" --format github
"""


_PIP_STEPS = """\
      - uses: actions/setup-python@v6
        with:
          python-version: "{python}"
      - run: {install}"""
_UV_STEPS = """\
      - uses: astral-sh/setup-uv@v7
      - run: uv sync"""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file: its text now (None: there is no such file) and afterwards."""

    path: Path
    before: str | None
    after: str

    def diff(self, root: Path) -> str:
        """The change as a unified diff, with paths relative to ``root``."""
        name = self.path.relative_to(root).as_posix()
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            "/dev/null" if self.before is None else f"a/{name}",
            f"b/{name}",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What ``init`` would do.

    Attributes:
        changes: Files to write; none where all is there.
        notes: What the user must know or do by hand.
    """

    root: Path
    changes: tuple[FileChange, ...]
    notes: tuple[str, ...] = ()

    def diff(self) -> str:
        """All changes as one diff."""
        return "".join(change.diff(self.root) for change in self.changes)


def plan_setup(
    directory: Path,
    targets: Sequence[str] = (),
    *,
    pre_commit: bool = True,
    ci: bool = True,
) -> SetupPlan:
    """Plan the setup of the project around ``directory``; nothing is written.

    Args:
        targets: What ``check`` shall look at; where none is named, the jobs and assets of the
            project that fan out, for which its code is imported.

    Raises:
        ConfigurationError: A file that is there cannot be read, or cannot be changed safely.
    """
    root = _root(directory.resolve())
    notes: list[str] = []
    run = runner(root, notes)
    changes = [_settings_change(root, targets, notes)]
    if pre_commit:
        changes.append(_pre_commit_change(root, run))
    if ci:
        changes.append(_workflow_change(root, run, notes))
    return SetupPlan(repository_of(root), tuple(c for c in changes if c is not None), tuple(notes))


def carry_out(plan: SetupPlan) -> None:
    """Write the files, each whole or not at all.

    Raises:
        ConfigurationError: A file cannot be written, or has changed since it was shown.
    """
    from advisor.whole_files import write_whole

    for change in plan.changes:
        if text_of(change.path) != change.before:
            raise ConfigurationError(f"{change.path} has changed meanwhile.", hint="Run it again.")
    try:
        for change in plan.changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(change.path, change.after)
    except OSError as error:
        raise ConfigurationError(f"{plan.root} cannot be set up: {error}.") from None


def _root(directory: Path) -> Path:
    """The nearest folder upwards with a pyproject.toml or a repository, else this one."""
    for folder in (directory, *directory.parents):
        if (folder / "pyproject.toml").is_file() or (folder / ".git").exists():
            return folder
    return directory


# --- pyproject.toml ---------------------------------------------------------------------------


def _settings_change(root: Path, targets: Sequence[str], notes: list[str]) -> FileChange | None:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = root / "pyproject.toml"
    before = text_of(path)
    try:
        document = tomlkit.parse(before or "")
    except TOMLKitError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.", where=str(path)) from None
    tool = document.get("tool", {})
    table = tool.get("dynadvise") if isinstance(tool, dict) else tool
    if table is not None and not isinstance(table, dict):
        name = "tool.dynadvise" if isinstance(tool, dict) else "tool"
        raise ConfigurationError(f"[{name}] is not a table.", where=str(path))
    if table is None:
        targets = targets or _fanning_out(root)
        if not targets:
            notes.append(
                "No target yet: put the jobs to check into `targets` of [tool.dynadvise], "
                "as module:job."
            )
        text = before or ""
        # A table at the end never moves what is there; tomlkit reads it back as the check.
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        after = text + gap + _settings_text(targets)
        _same_otherwise(path, before or "", after)
        return FileChange(path, before, after)
    listed = table.get("targets", [])
    if not isinstance(listed, list):
        raise ConfigurationError("`targets` in [tool.dynadvise] is no list.", where=str(path))
    missing = [target for target in targets if target not in listed]
    if not missing:
        return None
    if "targets" in table:
        table["targets"].extend(missing)
    else:
        table["targets"] = missing
    return FileChange(path, before, tomlkit.dumps(document))


def _fanning_out(root: Path) -> list[str]:
    """What of the project fans out, as ``targets`` names it; none where it cannot be loaded."""
    from advisor.api.listing import list_project
    from advisor.domain.options import ListOptions

    try:
        listed = list_project(ListOptions(working_directory=root))
    except DynadviseError:
        return []
    workloads = [each for location in listed.locations for each in location.workloads]
    named = [each.command.split()[2:] for each in workloads if each.obstacle is None]
    return [words[0] for words in named if len(words) == 1]


def _settings_text(targets: Sequence[str]) -> str:
    import tomlkit

    array = tomlkit.array()
    array.extend(targets)
    if len(targets) > 1:
        array.multiline(True)
    return (
        "[tool.dynadvise]\n"
        f"targets = {array.as_string()}\n"
        "max-regression = 0.10 # slowdown of an op that fails the gate\n"
        "max-regret = 0.15     # how much slower than the best way the committed one may be\n"
    )


def _same_otherwise(path: Path, before: str, after: str) -> None:
    """Our table must not become part of what stood above it (an open inline table, say)."""
    import tomlkit

    changed = tomlkit.parse(after).unwrap()
    tool = changed.get("tool", {})
    tool.pop("dynadvise", None)
    old = tomlkit.parse(before).unwrap()
    if not tool and "tool" not in old:
        changed.pop("tool", None)
    if changed != old:
        raise ConfigurationError(
            f"[tool.dynadvise] cannot be added to {path} without changing other settings.",
            hint="Add the table by hand.",
        )


# --- .pre-commit-config.yaml --------------------------------------------------------------------


def _pre_commit_change(root: Path, run: str) -> FileChange | None:
    repository = repository_of(root)
    folder = shlex.quote(root.relative_to(repository).as_posix())
    entry = f"{run}dynadvise check --static"
    hook = _HOOK.format(entry=entry if folder == "." else f"bash -c 'cd {folder} && {entry}'")
    path = repository / ".pre-commit-config.yaml"
    before = text_of(path)
    if before is None:
        return FileChange(path, None, f"repos:\n{_indented(hook, 2)}")
    import yaml

    content = read_yaml(path, str(path))
    node = yaml.compose(before, Loader=yaml.SafeLoader)
    repos = content.get("repos") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(repos, list):
        raise ConfigurationError(
            f"{path} has no list `repos`.", where=str(path), hint=f"Add by hand:\n{hook}"
        )
    if any(hook.get("id") == HOOK_ID for repo in repos for hook in _hooks(repo)):
        return None
    after = _with_hook(before, node, repos, hook)
    if after is None or yaml.safe_load(after) != {
        **content,
        "repos": [*repos, *yaml.safe_load(hook)],
    }:
        raise ConfigurationError(
            f"The hook cannot be added to {path} without rewriting it.",
            where=str(path),
            hint=f"Add it to `repos` by hand:\n{hook}",
        )
    return FileChange(path, before, after)


def _hooks(repo: object) -> list[dict[str, Any]]:
    hooks = repo.get("hooks") if isinstance(repo, dict) else None
    return [h for h in hooks if isinstance(h, dict)] if isinstance(hooks, list) else []


def _with_hook(text: str, node: Any, repos: list[object], hook: str) -> str | None:
    """``text`` with the hook after the last of ``repos``, by the places that YAML gives."""
    sequence = next(value for key, value in node.value if key.value == "repos")
    if not repos:
        start, end = sequence.start_mark.index, sequence.end_mark.index
        return f"{text[:start].rstrip()}\n{_indented(hook, 2)}{text[end:].lstrip(chr(10))}"
    if sequence.flow_style:
        return None
    lines = text.splitlines(keepends=True)
    # The end mark stands at the next token, behind comments and blank lines of what follows.
    last = _last_line(sequence)
    indent = sequence.start_mark.column
    head = "".join(lines[: last + 1])
    head += "" if head.endswith("\n") else "\n"
    return head + _indented(hook, indent) + "".join(lines[last + 1 :])


def _last_line(node: Any) -> int:
    """Last line (from 0) of the last scalar in a node."""
    last: int = node.end_mark.line
    if isinstance(node.value, list) and node.value and not node.flow_style:
        part = node.value[-1]
        return _last_line(part[1] if isinstance(part, tuple) else part)
    if isinstance(node.value, str) and node.style in {"|", ">"}:
        return last - 1
    return last


def _indented(text: str, columns: int) -> str:
    return "".join(f"{' ' * columns}{line}" for line in text.splitlines(keepends=True))


# --- the CI job ---------------------------------------------------------------------------------


def _workflow_change(root: Path, run: str, notes: list[str]) -> FileChange | None:
    """The workflow where GitHub reads it, which runs in the project's own folder."""
    repository = repository_of(root)
    path = repository / WORKFLOW
    if text_of(path) is not None:
        return None
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    steps = (
        _UV_STEPS if run else _PIP_STEPS.format(python=python, install=installation(root, notes))
    )
    if own := _own_folder():
        notes.append(
            f"dynadvise is installed from {own} here. Until it is on the index, {WORKFLOW} "
            "needs a place from which the runner can install it."
        )
    text = _WORKFLOW_TEXT.format(install=steps, run=run)
    if root != repository:
        folder = root.relative_to(repository).as_posix()
        place = f"    defaults: {{run: {{working-directory: {folder}}}}}"
        text = text.replace("    steps:", f"{place}\n    steps:")
    return FileChange(path, None, text)


def _own_folder() -> str | None:
    """The folder or file that dynadvise was installed from; None: from an index."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution("dynadvise").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    return json.loads(text)["url"].removeprefix("file://") if text else None
