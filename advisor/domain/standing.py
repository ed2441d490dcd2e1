"""How a measurement stands, for whoever watches it."""

from dataclasses import dataclass

from advisor.domain.advice import Prediction


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known at a moment of measuring.

    Attributes:
        leading: The ways that lead, the advised one first; not final.
        part: What is measured next, for people; empty: nothing was chosen yet.
        gain_s: Seconds of a run that the advice can gain from it at most; 0: it is not for that.
        spent_s, budget_s: Seconds since it began, and the most it may take.
    """

    leading: tuple[Prediction, ...]
    part: str
    gain_s: float
    spent_s: float
    budget_s: float
