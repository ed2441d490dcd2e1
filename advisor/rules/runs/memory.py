"""RUN012: children killed, or out of memory."""

from __future__ import annotations

from advisor.rules.runs.errors import KILLED, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN012"


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, KILLED, "killed or out of memory")
