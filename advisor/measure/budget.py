"""The seconds that the user gave: what is left of them, and whether a part may still start."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from advisor.measure.progress import Progress

ADVISING_SHARE = 0.05
"""Of the budget, for the search over what was measured, and for parts that take longer than they
should."""

LEAST_CALLS_S = 12.0
"""The op gets at least this much, however long the host's calibration takes."""

COSTS_MORE = 1.2
"""Parts are expected to cost this many times their estimate, so that the budget is not passed."""


@dataclass
class Budget:
    """Seconds for all of a measurement, and those of them for the calls of the user's ops.

    Attributes:
        asked_s: What the user gave.
        calls_share: Of what the host leaves, for calls.
        calls_s: For calls in all; `allot` sets it, everything is theirs until then.
        left_out: Parts that no longer fitted, in order.
    """

    asked_s: float
    calls_share: float = 1.0
    calls_s: float = field(init=False)
    left_out: list[str] = field(default_factory=list)
    _began_s: float = field(default_factory=time.monotonic)
    _calls_end_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.calls_s = self.asked_s
        self._calls_end_s = self._began_s + self.asked_s

    @property
    def spent_s(self) -> float:
        """Since the measurement began."""
        return time.monotonic() - self._began_s

    @property
    def left_s(self) -> float:
        """For measuring; without what the search needs."""
        return (1.0 - ADVISING_SHARE) * self.asked_s - self.spent_s

    def beside_calls_s(self, calls_spent_s: float) -> float:
        """What is left without the least that calls must get."""
        return self.left_s - max(0.0, LEAST_CALLS_S - calls_spent_s)

    def allot(self, *, host_s: float = 0.0, calls_spent_s: float = 0.0) -> None:
        """Give calls their share of what is left from now on.

        Args:
            host_s: Seconds that the host will take beside them.
            calls_spent_s: What calls took already; it is part of their share.
        """
        share_s = self.calls_share * (calls_spent_s + self.left_s - host_s)
        self.calls_s = min(self.asked_s, max(LEAST_CALLS_S, share_s))
        self._calls_end_s = time.monotonic() + self.calls_s - calls_spent_s

    def fits(self, cost_s: float, part: str) -> bool:
        """Whether a part of the calls may start; what may not is remembered as left out."""
        if time.monotonic() + COSTS_MORE * cost_s <= self._calls_end_s:
            return True
        if part not in self.left_out:
            self.left_out.append(part)
        return False

    def on_bar(self, progress: Progress) -> Progress:
        """``progress`` with the share of the budget that is spent, whatever is being done."""

        def show(message: str, _share: float | None = None) -> None:
            progress(message, min(0.99, self.spent_s / self.asked_s))

        return show
