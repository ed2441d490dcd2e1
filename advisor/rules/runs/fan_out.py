"""RUN007: nothing mapped begins before the fan-out op has ended."""

from advisor.domain.quantities import seconds
from advisor.model.run_statistics import fan_out_step, item_count
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause, constant, duration, gain_of, number

CODE = "RUN007"
_REMEDY_MANY = "Yield fewer outputs (one per batch of items); each takes two events and one store."
LARGE = 0.2
"""Share of the run from which the fan-out is a large part of it."""


def diagnose(facts: RunFacts) -> Cause | None:
    """One step at a time does not wait for the fan-out more than for any other step."""
    step = fan_out_step(facts.run)
    if step is None or step.start_s is None or step.end_s is None:
        return None
    took_s = step.end_s - step.start_s
    first_s = (step.first_output_s or step.end_s) - step.start_s
    if took_s < LARGE * facts.makespan_s or max(item_count(facts.run), step.outputs) < 2:
        return None
    gain = None
    if facts.slots > 1:
        one = constant(1)
        gain = gain_of(
            facts,
            duration("fan-out", took_s) * (one - one / number("slots", facts.slots)),
            at_most=True,
            note=", if its work moves into the mapped steps",
            spreads_work=True,
        )
    many = took_s - first_s > first_s  # the outputs themselves, not what precedes them
    return Cause(
        "warning" if gain else "note",
        message=(
            f"{step.op} ran for {seconds(took_s)} of {seconds(facts.makespan_s)} before any of "
            f"its {step.outputs} outputs was worked on."
        ),
        evidence=(
            (
                f"first output after {seconds(first_s)}, last after "
                f"{seconds((step.last_output_s or step.end_s) - step.start_s)}"
            ),
            f"{seconds((took_s - first_s) / max(1, step.outputs - 1))} an output",
        ),
        remedy=_REMEDY_MANY if many else "",
        gain=gain,
    )
