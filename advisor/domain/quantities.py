"""Numbers with their spread: what was observed, and what is predicted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Order statistics of observed values, in the unit of the field that holds it."""

    median: float
    p10: float
    p90: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A predicted value: ``low`` and ``high`` bound 90 %."""

    median: float
    low: float
    high: float
