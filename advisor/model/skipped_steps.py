"""Steps that a run planned and did not run. Pure."""

from __future__ import annotations

from collections import Counter

from advisor.domain.analysis import Diagnosis
from advisor.model.run_facts import Facts, step_count


def skipped_steps(facts: Facts) -> Diagnosis | None:
    """RUN019: steps that were skipped; an op of which no step ran is a warning."""
    planned = Counter(step.op for step in facts.run.steps)
    skipped = Counter(step.op for step in facts.run.steps if step.status == "skipped")
    if not skipped:
        return None
    never = [op for op, count in skipped.items() if count == planned[op]]
    whole = f", none of {', '.join(never)}" if never else ""
    return Diagnosis(
        code="RUN019",
        kind="skipped-steps",
        severity="warning" if never else "note",
        message=(
            f"{step_count(planned.total())} were planned, {planned.total() - skipped.total()} ran"
            f"{whole}."
        ),
        evidence=tuple(
            f"{count} of {step_count(planned[op])} of {op} skipped" for op, count in skipped.items()
        ),
        remedy=(
            "A step is skipped where an output that it takes was not yielded: an optional branch, "
            "or a fan-out inside a mapped graph, which Dagster never runs (`dynadvise check "
            "--static` tells)."
        ),
    )
