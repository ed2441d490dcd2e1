"""What made a run slow, and what its remedy saves, with the formula that it follows from.

A figure carries its words and its numbers through every sum and product, so that what is shown is
what was computed, and a rule judges the very gain that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.finding import Severity
from advisor.rules.runs.facts import RunFacts, own_code_s


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, and how it is spelled in words and in numbers."""

    value: float
    words: str
    numbers: str
    is_sum: bool = False

    def __add__(self, other: Figure) -> Figure:
        return self._joined(" + ", other, self.value + other.value, is_sum=True)

    def __sub__(self, other: Figure) -> Figure:
        return self._joined(" - ", other._factor(), self.value - other.value, is_sum=True)

    def __mul__(self, other: Figure) -> Figure:
        return self._factor()._joined(" x ", other._factor(), self.value * other.value)

    def __truediv__(self, other: Figure) -> Figure:
        return self._factor()._joined(" / ", other._factor(), self.value / other.value)

    def _joined(
        self, operator: str, other: Figure, value: float, *, is_sum: bool = False
    ) -> Figure:
        words = f"{self.words}{operator}{other.words}"
        return Figure(value, words, f"{self.numbers}{operator}{other.numbers}", is_sum)

    def _factor(self) -> Figure:
        """In brackets where it is a sum."""
        if not self.is_sum:
            return self
        return Figure(self.value, f"({self.words})", f"({self.numbers})")


def duration(words: str, value_s: float) -> Figure:
    """Seconds of the run."""
    return Figure(value_s, words, f"{value_s:.2f}")


def number(words: str, value: float) -> Figure:
    """A number of steps, slots, batches."""
    return Figure(value, words, f"{value:g}")


def constant(value: float) -> Figure:
    """A number that stands for itself."""
    return Figure(value, f"{value:g}", f"{value:g}")


@dataclass(frozen=True, slots=True)
class Gain:
    """Seconds of the run that the remedy saves, and how that follows from the run's figures.

    ``at_most``: the run bounds it from above only.
    """

    seconds: float
    formula: str
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """What a rule tells of a run; ``remedy`` is empty where it is the rule's general one."""

    severity: Severity
    message: str
    evidence: Sequence[str]
    gain: Gain | None = None
    remedy: str = ""


def gain_of(
    facts: RunFacts,
    figure: Figure,
    *,
    at_most: bool = False,
    note: str = "",
    spreads_work: bool = False,
) -> Gain:
    """The gain, no more than the run can give: what its ops' own code leaves of it.

    Args:
        spreads_work: Whether the remedy runs own code side by side that ran alone: it can gain
            more, but never the whole run.
    """
    formula = f"{figure.words} = {figure.numbers}{note}"
    own_s = 0.0
    if not spreads_work:
        done = [step for step in facts.run.steps if step.status == "success"]
        own_s = own_code_s(facts.run, done) / facts.slots
    left = duration("makespan", facts.makespan_s) - duration("own code / slots", own_s)
    most_s = max(0.0, left.value)
    if figure.value <= most_s:
        return Gain(figure.value, formula, at_most)
    return Gain(
        most_s, f"{left.words} = {left.numbers}, which is less than {formula}", at_most=True
    )
