"""RUN018: nothing runs for long after a step's success: its process has not ended."""

from statistics import median

from advisor.domain.observed import ObservedStep
from advisor.domain.quantities import seconds
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause, duration, gain_of

CODE = "RUN018"


def diagnose(facts: RunFacts) -> Cause | None:
    """The multiprocess executor joins a step's process before it does anything else.

    A process ends when the processes and threads that its op left alive have ended.
    """
    if facts.run.executor != "multiprocess":
        return None
    launch_s = _launch_s(facts)
    pauses = _pauses(facts, launch_s)
    if len(pauses) < 2:
        return None
    usual_s = min(seconds for _, seconds in pauses)
    least_s = max(2 * usual_s, launch_s)
    long = [(step, seconds - usual_s) for step, seconds in pauses if seconds > least_s]
    lost_s = sum(seconds for _, seconds in long)
    gain = gain_of(facts, duration("summed pauses that are longer than a launch", lost_s))
    if not facts.worth(gain.seconds):
        return None
    ops = ", ".join(dict.fromkeys(step.op for step, _ in long))
    longest, longest_s = max(long, key=lambda pause: pause[1])
    return Cause(
        "warning",
        message=(
            f"Nothing ran for {seconds(lost_s)} of the run after steps of {ops} had succeeded: "
            "their processes had not ended."
        ),
        evidence=(
            f"longest: {seconds(longest_s)} after {longest.step_key}",
            (f"shortest pause of this run: {seconds(usual_s)}; a launch takes {seconds(launch_s)}"),
        ),
        gain=gain,
    )


def _launch_s(facts: RunFacts) -> float:
    """Median seconds from a step's slot to its process; 0 where the log shows none."""
    launches = [
        step.worker_started_s - step.worker_starting_s
        for step in facts.run.steps
        if step.worker_started_s is not None and step.worker_starting_s is not None
    ]
    return median(launches) if launches else 0.0


def _pauses(facts: RunFacts, launch_s: float) -> list[tuple[ObservedStep, float]]:
    """Each pause of the run with the step that had ended last, in seconds beyond a launch.

    From a moment when no step's process was at work until the next one was, or until the run's
    end. After a fan-out its own outputs still arrive, so that pause is not looked at.
    """
    spans = [
        (step.worker_started_s, step.end_s, step)
        for step in facts.run.steps
        if step.worker_started_s is not None and step.end_s is not None
    ]
    spans.sort(key=lambda span: span[:2])
    pauses: list[tuple[ObservedStep, float]] = []
    for place in range(len(spans)):
        _, end_s, last = max(spans[: place + 1], key=lambda span: span[1])
        is_last = place + 1 == len(spans)
        until_s = facts.run.end_s if is_last else spans[place + 1][0] - launch_s
        if until_s > end_s and last.status == "success" and last.outputs <= 1:
            pauses.append((last, until_s - end_s))
    return pauses
