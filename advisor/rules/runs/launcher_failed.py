"""RUN020: the run failed outside of its steps' code: its executor or its launcher failed."""

from advisor.domain.cluster import DELEGATING, UNITS
from advisor.domain.quantities import count
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN020"


def diagnose(facts: RunFacts) -> Cause | None:
    """Where a step's code failed as well, that failure is the cause to look at first."""
    run = facts.run
    if run.status != "failure":
        return None
    failed = [step for step in run.steps if step.status == "failure"]
    if any(step.worker_started_s or step.start_s for step in failed):
        return None
    ended = count(sum(step.status == "success" for step in run.steps), "step")
    if failed and run.executor in DELEGATING and failed[0].error:
        return Cause(
            "error",
            message=f"The {UNITS[run.executor]} of {failed[0].step_key} failed before it began the "
            f"step: {failed[0].error.rstrip('.')}.",
            evidence=(f"{ended} had succeeded, {count(len(failed), 'step')} never began",),
        )
    if failed or not run.error:
        return None
    doing = "while it launched steps" if run.executor in DELEGATING else "outside of the steps"
    return Cause(
        "error",
        message=f"The {run.executor} executor failed {doing}: {run.error.rstrip('.')}.",
        evidence=(f"{ended} had succeeded, none had failed",),
    )
