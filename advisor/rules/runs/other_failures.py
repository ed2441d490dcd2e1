"""RUN015: steps that failed for a reason of the user's own code."""

from __future__ import annotations

from advisor.rules.runs.errors import CONNECTIONS, CRASHED, KILLED, LOCKED, distinct_errors
from advisor.rules.runs.facts import RunFacts, step_count
from advisor.rules.runs.gain import Cause

CODE = "RUN015"


def diagnose(facts: RunFacts) -> Cause | None:
    """What the other rules of failures do not tell."""
    told = (KILLED, CONNECTIONS, LOCKED, CRASHED)
    failed = [
        step
        for step in facts.run.steps
        if step.status == "failure"
        and not any(pattern.search(step.error or "") for pattern in told)
    ]
    if not failed:
        return None
    return Cause(
        "note",
        message=f"{step_count(len(failed))} failed: the figures are those of an incomplete run.",
        evidence=distinct_errors(failed),
    )
