"""The files of both sides, and how a target is spelled in each."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from advisor.domain.errors import ConfigurationError
from advisor.domain.options import CheckOptions
from advisor.gate.inspection import run_config_of
from advisor.gate.measuring import ChildProcesses
from advisor.gate.orders import SurveyRequest, Tree
from advisor.gate.worktree import BaseTree

_PROCESS_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Trees:
    """The files of head, and of the base where there is one."""

    head: Tree
    base: Tree | None = None


def trees_of(folder: Path, base: BaseTree | None) -> Trees:
    """Head's tree, and the base's with the same folders of it importable.

    Raises:
        ConfigurationError: The working directory is outside of the repository.
    """
    if base is None:
        return Trees(Tree("head", str(folder), str(folder)))
    counterpart = base.counterpart(folder)
    if counterpart is None or not counterpart.is_dir():
        raise ConfigurationError(
            f"{folder} does not exist at the base revision.",
            hint="Run the gate in a folder that both revisions have.",
        )
    # What an editable installation or PYTHONPATH adds of the user's tree: a src folder, mostly.
    python_path = tuple(
        str(other)
        for entry in (*sys.path, str(folder / "src"))
        if entry and (other := base.counterpart(Path(entry))) is not None and other.is_dir()
    )
    return Trees(
        Tree("head", str(base.head_root), str(folder), foreign_root=str(base.root)),
        Tree("base", str(base.root), str(counterpart), python_path, str(base.head_root)),
    )


def child_processes(
    options: CheckOptions, target: str, trees: Trees, folder: Path
) -> ChildProcesses:
    """What measures the target in fresh processes; ``folder`` takes their temporary files."""

    def request(tree: Tree, spelled: str) -> SurveyRequest:
        return SurveyRequest(
            tree=tree,
            target=spelled,
            job=options.job,
            run_config=run_config_of(options),
            inputs=_inputs_of(options, target),
            samples=options.samples,
            samples_file=str(folder / f"{tree.side}.pickle"),
            item_timeout_s=options.item_timeout_s,
        )

    head, base = trees.head, trees.base
    return ChildProcesses(
        request(base, _spelled_in(base, head, target)) if base else None,
        request(head, target),
        2 * max(_PROCESS_TIMEOUT_S, 3 * options.item_timeout_s),
    )


def _spelled_in(base: Tree, head: Tree, target: str) -> str:
    """The target for the base; an absolute path of the user's tree becomes the base's."""
    where, separator, attribute = target.rpartition(":")
    path = Path(where if separator else target)
    if not path.is_absolute():
        return target
    with contextlib.suppress(ValueError):
        moved = Path(base.root) / path.resolve().relative_to(head.root)
        return f"{moved}{separator}{attribute}" if separator else str(moved)
    return target


def _inputs_of(options: CheckOptions, target: str) -> str | None:
    """Sample inputs; a file is head's for both sides, so that both get the same."""
    spelled = options.inputs.get(target)
    if spelled is None:
        return None
    file = options.folder / spelled
    return str(file) if file.is_file() else spelled
