"""RUN005: bookkeeping of a step costs more than its item, in one process."""

from advisor.domain.quantities import seconds
from advisor.model.run_statistics import begin_s, compute_s, item_count, mapped_steps
from advisor.rules.runs.facts import RunFacts, own_code_s
from advisor.rules.runs.gain import Cause, duration, gain_of

CODE = "RUN005"


def diagnose(facts: RunFacts) -> Cause | None:
    """One batch also spares the fan-out op its outputs and the collecting op its inputs."""
    if facts.run.executor != "in_process" or item_count(facts.run) < 2:
        return None
    steps = mapped_steps(facts.run)
    work_s = sum(compute_s(step) or 0.0 for step in steps)
    begins = [begin for step in steps if (begin := begin_s(step)) is not None]
    ends = [step.end_s for step in steps if step.end_s is not None]
    if not begins or not ends:
        return None
    window_s = max(ends) - min(begins)
    lost_s = window_s - work_s
    whole = duration("makespan", facts.makespan_s)
    own = duration("the ops' own code", own_code_s(facts.run))
    gain = gain_of(facts, whole - own, at_most=True)
    if lost_s < work_s or not facts.worth(min(lost_s, gain.seconds)):
        return None
    return Cause(
        "warning",
        message=(
            f"{len(steps)} mapped steps took {seconds(window_s)}, of which {seconds(work_s)} "
            "is their work."
        ),
        evidence=(
            (
                f"{seconds(lost_s / len(steps))} of bookkeeping per step, "
                f"{seconds(work_s / len(steps))} of work"
            ),
            f"{facts.run.event_count} events in the log",
        ),
        gain=gain,
    )
