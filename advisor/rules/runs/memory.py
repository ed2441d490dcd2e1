"""RUN012: children killed, or out of memory."""

from __future__ import annotations

from advisor.domain.analysis import Diagnosis
from advisor.rules.runs.errors import KILLED, by_error
from advisor.rules.runs.facts import RunFacts

CODE, KIND = "RUN012", "memory"
MEANING = "steps were killed, or ran out of memory"
LOOKS = "2 attempts were killed or out of memory (4 steps at once)."
REMEDY = (
    "Lower max_concurrent so that the steps' peaks fit the machine (SIGKILL nearly always means "
    "out of memory); `dynadvise profile` measures an item's peak and respects --memory."
)


def diagnose(facts: RunFacts) -> Diagnosis | None:
    """Told by the attempts' errors."""
    what = "killed or out of memory"
    return by_error(facts, KILLED, code=CODE, kind=KIND, what=what, remedy=REMEDY)
