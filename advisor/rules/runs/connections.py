"""RUN013: the database had no connection left."""

from __future__ import annotations

from advisor.rules.runs.errors import CONNECTIONS, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE, KIND = "RUN013", "connections"
MEANING = "the database had no connection left"
LOOKS = "3 attempts were refused a database connection (16 steps at once)."
REMEDY = (
    "Limit the steps that hold a connection: lower max_concurrent, or give the op a pool with a "
    "limit; `dynadvise profile TARGET --max-connections N` advises within it."
)


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, CONNECTIONS, "refused a database connection")
