"""RUN013: the database had no connection left."""

from __future__ import annotations

from advisor.rules.runs.errors import CONNECTIONS, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN013"


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, CONNECTIONS, "refused a database connection")
