"""RUN014: SQLite writers that waited too long for each other."""

from __future__ import annotations

from advisor.rules.runs.errors import LOCKED, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE, KIND = "RUN014", "sqlite-locking"
MEANING = "SQLite writers waited too long for each other"
LOOKS = "2 attempts were stopped by a locked SQLite database (8 steps at once)."
REMEDY = (
    "Write from one step (collect the rows and write once), set a busy timeout and WAL mode, or "
    "use Postgres for the instance if it is Dagster's own storage."
)


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, LOCKED, "stopped by a locked SQLite database")
