"""RUN014: SQLite writers that waited too long for each other."""

from __future__ import annotations

from advisor.rules.runs.errors import LOCKED, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN014"


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, LOCKED, "stopped by a locked SQLite database")
