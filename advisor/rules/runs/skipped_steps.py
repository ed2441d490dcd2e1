"""RUN019: steps that a run planned and did not run; an op of which no step ran is a warning."""

from collections import Counter

from advisor.domain.quantities import count
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN019"


def diagnose(facts: RunFacts) -> Cause | None:
    """By the log's own counts."""
    planned = Counter(step.op for step in facts.run.steps)
    skipped = Counter(step.op for step in facts.run.steps if step.status == "skipped")
    if not skipped:
        return None
    never = [op for op, steps in skipped.items() if steps == planned[op]]
    whole = f", none of {', '.join(never)}" if never else ""
    ran = planned.total() - skipped.total()
    return Cause(
        "warning" if never else "note",
        message=f"{count(planned.total(), 'step')} were planned, {ran} ran{whole}.",
        evidence=tuple(
            f"{steps} of {count(planned[op], 'step')} of {op} skipped"
            for op, steps in skipped.items()
        ),
    )
