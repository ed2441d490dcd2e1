"""RUN001: steps at once, and yet slower than the same work one after another."""

from advisor.domain.quantities import percent, seconds
from advisor.model.run_statistics import BOOT, WORK
from advisor.rules.runs.errors import has_crash
from advisor.rules.runs.facts import RunFacts, own_code_s, typical_s
from advisor.rules.runs.gain import Cause, duration, gain_of, number

CODE = "RUN001"


def diagnose(facts: RunFacts) -> Cause | None:
    """Against loading, computing and storing in turn; with a calibration, its step cost too."""
    run = facts.run
    if run.executor == "in_process" or not facts.mapped or facts.slots < 2 or has_crash(facts):
        return None
    whole = duration("makespan", facts.makespan_s)
    step_s = facts.overhead.in_process.step_s if facts.overhead else 0.0
    serial = whole - duration("summed loading, computing and storing", _worked_s(facts))
    if step_s:
        steps = number("steps", len(run.steps))
        serial -= steps * duration("calibrated overhead per step in process", step_s)
    # Loading and storing were slowed by the launches beside them: no bound can count on them.
    bound = serial if step_s else whole - duration("the ops' own code", own_code_s(run))
    gain = gain_of(facts, bound, at_most=not step_s)
    if not (facts.worth(serial.value) and facts.worth(gain.seconds)):
        return None
    p, t = facts.parallelism, facts.totals
    return Cause(
        "warning",
        message=(
            f"The run took {seconds(facts.makespan_s)} with up to {p.slots} steps in parallel; the "
            f"work in it is {seconds(t.work_s)}: one after another in one process would have "
            "been faster."
        ),
        evidence=(
            (
                f"per item: {seconds(typical_s(facts.mapped, *WORK))} of work, "
                f"{seconds(typical_s(facts.mapped, *BOOT))} to start its step"
            ),
            (
                f"{p.working_mean:.2f} steps at work on average, at most {p.working_peak}, "
                f"of {p.slots} slots"
            ),
            f"speed-up {t.speed_up:.2f}, efficiency {percent(t.efficiency)}",
        ),
        gain=gain,
    )


def _worked_s(facts: RunFacts) -> float:
    return sum(
        max(0.0, step.end_s - step.start_s)
        for step in facts.run.steps
        if step.start_s is not None and step.end_s is not None
    )
