"""RUN012: children killed, or out of memory."""

from __future__ import annotations

from advisor.rules.runs.errors import KILLED, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE, KIND = "RUN012", "memory"
MEANING = "steps were killed, or ran out of memory"
LOOKS = "2 attempts were killed or out of memory (4 steps at once)."
REMEDY = (
    "Lower max_concurrent so that the steps' peaks fit the machine (SIGKILL nearly always means "
    "out of memory); `dynadvise profile` measures an item's peak and respects --memory."
)


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, KILLED, "killed or out of memory")
