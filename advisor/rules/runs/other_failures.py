"""RUN015: steps that failed for a reason of the user's own code."""

from advisor.domain.quantities import count
from advisor.rules.runs.errors import FAILURES, distinct_errors
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN015"


def diagnose(facts: RunFacts) -> Cause | None:
    """What the other rules of failures do not tell."""
    failed = [
        step
        for step in facts.run.steps
        if step.status == "failure"
        and not any(pattern.search(step.error or "") for pattern, _ in FAILURES.values())
    ]
    if not failed:
        return None
    return Cause(
        "note",
        message=f"{count(len(failed), 'step')} failed: the figures are those of an incomplete run.",
        evidence=distinct_errors(failed),
    )
