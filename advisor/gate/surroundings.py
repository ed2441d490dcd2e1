"""What the gate asks of the world: git, the user's code in child processes, saved profiles."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from advisor.domain.gate import AdviceCheck
    from advisor.domain.workload import WorkloadDescription
    from advisor.gate.inspection import Inspected
    from advisor.gate.measuring import PairMeasurer
    from advisor.gate.options import CheckOptions
    from advisor.gate.trees import Trees
    from advisor.gate.worktree import BaseTree
    from advisor.store import SavedProfile


class Surroundings(Protocol):
    """The world as the gate sees it; tests have one with recorded answers."""

    def inspect(self, options: CheckOptions) -> Sequence[Inspected]:
        """What the targets' definitions say, without calling any op."""

    def base_tree(self, options: CheckOptions) -> AbstractContextManager[BaseTree | None]:
        """The checked-out base for the block; None where no base is asked for."""

    def measurer(
        self, options: CheckOptions, target: str, trees: Trees, folder: Path
    ) -> PairMeasurer:
        """What measures a target in both trees; ``folder`` takes its temporary files."""

    def committed_profile(
        self, options: CheckOptions, description: WorkloadDescription
    ) -> SavedProfile | None:
        """The target's profile; None without one."""

    def host_id(self) -> str:
        """Id of this host's class."""

    def advise(self, options: CheckOptions, profile: SavedProfile) -> AdviceCheck:
        """The job's own configuration beside the best one, by a profile."""
