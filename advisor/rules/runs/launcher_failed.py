"""RUN020: the run failed outside of its steps: its executor or its launcher raised."""

from advisor.domain.cluster import DELEGATING
from advisor.rules.runs.facts import RunFacts, step_count
from advisor.rules.runs.gain import Cause

CODE = "RUN020"


def diagnose(facts: RunFacts) -> Cause | None:
    """Where a step failed as well, that failure is the cause to look at first."""
    run = facts.run
    if run.status != "failure" or not run.error or any(s.status == "failure" for s in run.steps):
        return None
    ended = sum(step.status == "success" for step in run.steps)
    doing = "while it launched steps" if run.executor in DELEGATING else "outside of the steps"
    return Cause(
        "error",
        message=f"The {run.executor} executor failed {doing}: {run.error.rstrip('.')}.",
        evidence=(f"{step_count(ended)} had succeeded, none had failed",),
    )
