"""Steps that ``tag_concurrency_limits`` hold back while a run goes on."""

from __future__ import annotations

from collections import Counter

from advisor.domain.tag_limits import TagLimits
from advisor.model.pools import STEP


class TagSlots:
    """How many steps of each limit run."""

    def __init__(self, limits: TagLimits) -> None:
        self._limits = limits
        self._running: Counter[str] = Counter()

    def _names(self, step: STEP) -> tuple[str, ...]:
        item, stage = step
        stages = self._limits.stages
        return stages[stage] if item >= 0 and stage < len(stages) else ()

    def is_full(self, step: STEP) -> bool:
        """Whether the step must be passed over for now."""
        return any(self._running[n] >= self._limits.steps[n] for n in self._names(step))

    def take(self, step: STEP) -> None:
        """The step runs from now on."""
        self._running.update(self._names(step))

    def free(self, step: STEP) -> None:
        """The step has succeeded."""
        self._running.subtract(self._names(step))
