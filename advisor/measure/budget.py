"""The seconds that the user gave: what is left of them, and whether a part may still start."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from statistics import fmean

from advisor.measure.progress import Progress

ADVISING_SHARE = 0.05
"""Of the budget, for the search over what was measured, and for parts that take longer than they
should."""

COSTS_MORE = 1.2
"""Parts are expected to cost this many times their estimate, so that the budget is not passed."""

MOST_CHECKING_SHARE = 0.2
"""Of the budget, that is kept for the last check at most."""

OVERRUN_SHARE = 0.05
"""Of the budget, by which a part under way may pass it before it is cut off."""


@dataclass
class Budget:
    """Seconds for all of a measurement.

    Attributes:
        asked_s: What the user gave.
        importing_s: Of them, those that finding and importing the target took before. Holding the
            advice against the job at the end takes about as long again.
        slowness: How many times as long as on a quiet machine computing takes now; what is known
            of quiet ones is to be multiplied by it.
        left_out: Parts that no longer fitted, in order.
        within: The budget that this one is a part of; what is under way may go on as far as that.
    """

    asked_s: float
    importing_s: float = 0.0
    slowness: float = 1.0
    left_out: list[str] = field(default_factory=list)
    within: Budget | None = None
    _began_s: float = field(default_factory=time.monotonic)
    _loads: list[float] = field(default_factory=list)

    @property
    def spent_s(self) -> float:
        """Since the target was begun to be imported."""
        return self.importing_s + time.monotonic() - self._began_s

    @property
    def left_s(self) -> float:
        """For measuring; without what the search and the last check need."""
        return (1.0 - ADVISING_SHARE) * self.asked_s - self._checking_s - self.spent_s

    @property
    def _checking_s(self) -> float:
        return min(self.importing_s, MOST_CHECKING_SHARE * self.asked_s)

    @property
    def cut_off_s(self) -> float:
        """Seconds until a part under way is cut off: a loaded machine must not pass the budget."""
        if self.within is not None:
            return self.within.cut_off_s
        whole_s = (1.0 + OVERRUN_SHARE) * self.asked_s - self._checking_s
        return max(1.0, whole_s - self.spent_s)

    @property
    def is_over(self) -> bool:
        """Whether all of it is spent."""
        return self.spent_s >= self.asked_s

    def fits(self, cost_s: float, part: str) -> bool:
        """Whether a part may start; what may not is remembered as left out."""
        if COSTS_MORE * cost_s <= self.left_s:
            return True
        if part not in self.left_out:
            self.left_out.append(part)
        return False

    def on_bar(self, progress: Progress) -> Progress:
        """``progress`` with the share of the budget that is spent, whatever is being done."""

        def show(message: str, _share: float | None = None) -> None:
            self.note_load()
            progress(message, min(0.99, self.spent_s / self.asked_s))

        return show

    def note_load(self) -> None:
        """Remember the machine's load of the last minute, where the system tells it."""
        if hasattr(os, "getloadavg"):
            self._loads.append(os.getloadavg()[0])

    @property
    def load(self) -> float | None:
        """The machine's mean load while measuring; None where the system does not tell."""
        return fmean(self._loads) if self._loads else None
