"""What was drawn and simulated already for one setting, so that candidates share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from advisor.domain.workload import WorkerKind
from advisor.model.listing import Calls, dealt, drawn_lists, is_certain, reference_list, with_last
from advisor.model.run_plan import Timeline
from advisor.model.sampling_error import mean_factors
from advisor.model.setting import Setting
from advisor.model.stage import FloatArray

DRAWN_ITEMS, FEWEST_LISTS = 50_000, 8
"""Items in all drawn lists together, and the fewest lists: those of a long run differ little, and
each is used for several draws of the items' mean."""

FEW_ITEMS, FEW_LISTS, DIFFER = 40, 8, 0.1
"""Up to so many items, so many drawn lists are simulated and not an even one, where what may be at
one place differs by this share of the mean item: no order of few items is typical."""


class Simulations:
    """The random numbers that all candidates have in common, and the results by what they are of.

    Attributes:
        reference: Calls that stand for the items of the whole list; an even list by default.
        timelines: Simulated multiprocess runs, by candidate and number of steps.
        batches: Seconds of each simulated batch, by workers, their number, size and batches.
    """

    def __init__(self, setting: Setting, reference: Calls | None = None) -> None:
        self.setting = setting = replace(setting, items=with_last(setting.items))
        self.reference = reference_list(setting.items) if reference is None else reference
        self.timelines: dict[tuple[object, int], Timeline] = {}
        self.batches: dict[tuple[WorkerKind, int, int, int], FloatArray] = {}
        self._dealt: dict[int, Calls] = {}
        self._thinned: dict[int, Calls] = {}

    @cached_property
    def drawn(self) -> Calls:
        """Whole lists as they may be (shape: lists x items)."""
        items, draws = self.setting.items, self.setting.draws
        lists = min(draws, max(FEWEST_LISTS, DRAWN_ITEMS // items.count))
        return drawn_lists(items, 1 if is_certain(items) else lists)

    @cached_property
    def mean_factors(self) -> FloatArray:
        """What the mean of all items may be over that of the measured ones (shape: draws)."""
        return mean_factors(self.setting.items, self.setting.draws)

    @cached_property
    def of_lists(self) -> Sequence[Simulations]:
        """Those of which the mean is a candidate's estimate: one for each list simulated."""
        items = self.setting.items
        if items.count > FEW_ITEMS or is_certain(items):
            return (self,)
        walls_s = items.wall_s[self.drawn]
        if walls_s.std(axis=0).max() < DIFFER * walls_s.mean():
            return (self,)
        return [self._of(drawn) for drawn in self.drawn[:FEW_LISTS]]

    def _of(self, drawn: Calls) -> Simulations:
        other = Simulations(self.setting, drawn)
        other.drawn, other.mean_factors = self.drawn, self.mean_factors
        return other

    def thinned(self, length: int) -> Calls:
        """A shorter list that stands for the whole one."""
        if length >= self.setting.items.count:
            return self.reference
        if length not in self._thinned:
            self._thinned[length] = reference_list(self.setting.items, length)
        return self._thinned[length]

    def dealt(self, batches: int) -> Calls:
        """Items of each of so many batches (shape: batches x rounds)."""
        if batches not in self._dealt:
            self._dealt[batches] = dealt(self.setting.items.count, batches)
        return self._dealt[batches]

    def draws_s(
        self,
        makespan_s: float,
        work_s: float,
        seconds: Callable[[Calls, int | None], FloatArray],
        sizes: Sequence[tuple[int | None, float]] = ((None, 1.0),),
    ) -> FloatArray:
        """Makespans of the draws (shape: draws), around the one that was simulated.

        Args:
            work_s: The part of it that grows with the items' seconds.
            seconds: Roughly what the mapped part takes over lists (shape: lists x items), or so
                many steps of them.
            sizes: Steps that were simulated, each with its weight; None: all of them.
        """
        simulated_s = sum(
            weight * float(seconds(self.reference[None], steps)[0]) for steps, weight in sizes
        )
        moved_s = seconds(self.drawn, None) - simulated_s
        growing_s = np.resize(np.maximum(work_s + moved_s, 1e-9), self.setting.draws)
        return np.asarray(makespan_s - work_s + growing_s * self.mean_factors)
