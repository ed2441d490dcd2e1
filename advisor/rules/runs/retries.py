"""RUN011: attempts that had to be repeated."""

from advisor.domain.quantities import count, seconds
from advisor.rules.runs.errors import distinct_errors, failed_gain
from advisor.rules.runs.facts import RunFacts, attempt_count, slot_time_s
from advisor.rules.runs.gain import Cause

CODE = "RUN011"


def diagnose(facts: RunFacts) -> Cause | None:
    """A note where the lost attempts are a small part of the run."""
    failed = [step for step in facts.run.steps if step.status == "up_for_retry"]
    if not failed:
        return None
    again = {step.step_key for step in failed}
    gain = failed_gain(facts, failed, "failed attempts")
    return Cause(
        "warning" if facts.worth(gain.seconds) else "note",
        message=(
            f"{count(len(again), 'step')} {'was' if len(again) == 1 else 'were'} retried; "
            f"{attempt_count(len(failed))} lost."
        ),
        evidence=(
            f"{seconds(slot_time_s(failed))} of slot time in failed attempts",
            *distinct_errors(failed),
        ),
        gain=gain,
    )
