"""RUN017: children that ended without an exception, and were not killed for memory."""

from __future__ import annotations

from advisor.rules.runs.errors import CRASHED, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN017"


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, CRASHED, "ended by a crash, not by an exception")
