"""What the gate asks of the world: git, the user's code in child processes, saved profiles."""

import contextlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from advisor.domain.errors import ConfigurationError
from advisor.domain.gate import AdviceCheck
from advisor.domain.options import CheckOptions
from advisor.domain.workload import WorkloadDescription
from advisor.gate.inspection import Inspected, committed_profile, inspect_targets, run_config_of
from advisor.gate.measuring import ChildProcesses
from advisor.gate.orders import SurveyRequest, Tree
from advisor.gate.worktree import BaseTree, base_worktree
from advisor.measure.machine import host_facts
from advisor.store import SavedProfile

_PROCESS_TIMEOUT_S = 900.0


class Surroundings(ABC):
    """The world as the gate sees it; tests have one with recorded answers."""

    def inspect(self, options: CheckOptions) -> Sequence[Inspected]:
        """What the targets' definitions say, without calling any op."""
        return inspect_targets(options)

    def base_tree(
        self, options: CheckOptions
    ) -> contextlib.AbstractContextManager[BaseTree | None]:
        """The checked-out base for the block; None where no base is asked for."""
        if options.base is None:
            return contextlib.nullcontext()
        return base_worktree(options.folder, options.base)

    def measurer(
        self, options: CheckOptions, target: str, base: BaseTree | None, folder: Path
    ) -> ChildProcesses:
        """What measures a target in both trees; ``folder`` takes its temporary files.

        Raises:
            ConfigurationError: The working directory is outside of the repository.
        """
        head_tree, base_tree = _trees_of(options.folder, base)

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

        return ChildProcesses(
            request(base_tree, _spelled_in(base_tree, head_tree, target)) if base_tree else None,
            request(head_tree, target),
            2 * max(_PROCESS_TIMEOUT_S, 3 * options.item_timeout_s),
        )

    def committed_profile(
        self, options: CheckOptions, description: WorkloadDescription
    ) -> SavedProfile | None:
        """The target's profile of this host's class, else the one written last."""
        return committed_profile(options, description)

    def host_id(self) -> str:
        """Id of this host's class."""
        return host_facts().id

    @abstractmethod
    def advise(self, options: CheckOptions, profile: SavedProfile) -> AdviceCheck:
        """The job's own configuration beside the best one, by a profile."""


def _trees_of(folder: Path, base: BaseTree | None) -> tuple[Tree, Tree | None]:
    """Head's tree, and the base's with the same folders of it importable.

    Raises:
        ConfigurationError: The working directory is outside of the repository.
    """
    if base is None:
        return Tree("head", str(folder), str(folder)), None
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
    return (
        Tree("head", str(base.head_root), str(folder), foreign_root=str(base.root)),
        Tree("base", str(base.root), str(counterpart), python_path, str(base.head_root)),
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
