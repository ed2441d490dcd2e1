"""What the gate asks of the world: git, the user's code in child processes, saved profiles."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from advisor.domain.gate import AdviceCheck
from advisor.domain.options import CheckOptions
from advisor.domain.workload import WorkloadDescription
from advisor.gate.inspection import Inspected, committed_profile, inspect_targets
from advisor.gate.measuring import ChildProcesses
from advisor.gate.trees import Trees, child_processes
from advisor.gate.worktree import BaseTree, base_worktree
from advisor.measure.machine import host_facts
from advisor.store import SavedProfile


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
        self, options: CheckOptions, target: str, trees: Trees, folder: Path
    ) -> ChildProcesses:
        """What measures a target in both trees; ``folder`` takes its temporary files."""
        return child_processes(options, target, trees, folder)

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
