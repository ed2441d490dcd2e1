"""How a measurement stands, for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.domain.advice import Prediction


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known at a moment of measuring.

    Attributes:
        leading: The ways that lead, the advised one first; not final.
        doing: What is being measured, for people.
        changes: What it can change, for people; empty where nothing is open.
        spent_s, budget_s: Seconds since it began, and the most it may take.
    """

    leading: tuple[Prediction, ...]
    doing: str
    spent_s: float
    budget_s: float
    changes: str = ""
