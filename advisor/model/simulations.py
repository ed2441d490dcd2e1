"""What was drawn and simulated already for one setting, so that candidates share it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from advisor.domain.workload import WorkerKind
from advisor.model.items import FloatArray, drawn_orders, reference_order
from advisor.model.run_plan import Timeline
from advisor.model.sampling_error import mean_factors
from advisor.model.setting import Setting

DRAWN_ITEMS = 256
"""Items in a draw; the spread of a longer run is scaled from these (it shrinks as 1/sqrt(n))."""

LEAST_SHARE = 0.05
"""A draw is at least this share of the simulated makespan: a longer run's scaled deviations
could else make it negative."""


class Simulations:
    """The random numbers that all candidates have in common, and the results by what they are of.

    Attributes:
        timelines: Simulated multiprocess runs, by candidate and number of steps.
        batches: Seconds of each simulated batch, by workers, their number, size and items.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.timelines: dict[tuple[object, int], Timeline] = {}
        self.batches: dict[tuple[WorkerKind, int, int, int], FloatArray] = {}

    @cached_property
    def drawn(self) -> np.ndarray:
        """Resampled item indices (shape: draws x min(items, DRAWN_ITEMS))."""
        items = self.setting.items
        return drawn_orders(items, min(items.count, DRAWN_ITEMS), self.setting.draws)

    @cached_property
    def mean_factors(self) -> FloatArray:
        """What the mean of all items may be over that of the measured ones (shape: draws)."""
        return mean_factors(self.setting.items, self.setting.draws)

    @cached_property
    def reference(self) -> np.ndarray:
        """The reference sequence of the whole run."""
        return reference_order(self.setting.items, self.setting.items.count)

    def draws_s(self, makespan_s: float, seconds: Callable[[np.ndarray], FloatArray]) -> FloatArray:
        """Makespans of the draws (shape: draws), around that of the reference sequence.

        Deviations of a sum grow with the root of its length when all items are drawn afresh, and
        with the length itself as far as the samples' mean is unknown: the bootstrap carries both,
        and the larger is kept.

        Args:
            makespan_s: As simulated over the reference sequence.
            seconds: Roughly what the mapped part takes over sequences (shape: rows x items).
        """
        length = self.drawn.shape[1]
        moved_s = seconds(self.drawn) - seconds(self.reference[None, :length])[0]
        draws_s = makespan_s + moved_s * (self.setting.items.count / length)
        return np.asarray(np.maximum(draws_s, LEAST_SHARE * makespan_s))
