"""RUN013: the database had no connection left."""

from __future__ import annotations

from advisor.domain.analysis import Diagnosis
from advisor.rules.runs.errors import CONNECTIONS, by_error
from advisor.rules.runs.facts import RunFacts

CODE, KIND = "RUN013", "connections"
MEANING = "the database had no connection left"
LOOKS = "3 attempts were refused a database connection (16 steps at once)."
REMEDY = (
    "Limit the steps that hold a connection: lower max_concurrent, or give the op a pool with a "
    "limit; `dynadvise profile TARGET --max-connections N` advises within it."
)


def diagnose(facts: RunFacts) -> Diagnosis | None:
    """Told by the attempts' errors."""
    what = "refused a database connection"
    return by_error(facts, CONNECTIONS, code=CODE, kind=KIND, what=what, remedy=REMEDY)
