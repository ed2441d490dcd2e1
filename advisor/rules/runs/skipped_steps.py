"""RUN019: steps that a run planned and did not run; an op of which no step ran is a warning."""

from collections import Counter

from advisor.rules.runs.facts import RunFacts, step_count
from advisor.rules.runs.gain import Cause

CODE = "RUN019"


def diagnose(facts: RunFacts) -> Cause | None:
    """By the log's own counts."""
    planned = Counter(step.op for step in facts.run.steps)
    skipped = Counter(step.op for step in facts.run.steps if step.status == "skipped")
    if not skipped:
        return None
    never = [op for op, count in skipped.items() if count == planned[op]]
    whole = f", none of {', '.join(never)}" if never else ""
    return Cause(
        "warning" if never else "note",
        message=(
            f"{step_count(planned.total())} were planned, {planned.total() - skipped.total()} ran"
            f"{whole}."
        ),
        evidence=tuple(
            f"{count} of {step_count(planned[op])} of {op} skipped" for op, count in skipped.items()
        ),
    )
