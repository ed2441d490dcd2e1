"""RUN006: a freed slot stays empty while the executor polls."""

from advisor.domain.cluster import DELEGATING
from advisor.domain.dagster_facts import EVENTS_PER_STEP, TICK_S, refill_lag_s
from advisor.domain.quantities import seconds
from advisor.rules.runs.facts import RunFacts, tail_alone_s
from advisor.rules.runs.gain import Cause, duration, gain_of, number

CODE = "RUN006"
_REMEDY_DELEGATED = (
    "Fewer, longer steps (batches), or set DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS lower."
)
LONG = 0.1
"""Share of a step's time in its slot from which the time until the next one is long."""


def diagnose(facts: RunFacts) -> Cause | None:
    """The exit of the child itself is in every tail: what it takes where nothing else runs."""
    if not facts.mapped or facts.run.executor == "in_process":
        return None
    op, slots = facts.mapped[0], facts.slots
    tail = op.phase("tail")
    if tail is None or tail.steps < 2 or slots < 2:
        return None
    median_s = tail.spread_s.median
    floor_s = min(tail.spread_s.p10, tail_alone_s(facts.run))
    polling = facts.run.executor in DELEGATING
    lag_s = median_s if polling else max(0.0, median_s - floor_s)
    steps = number("steps", tail.steps)
    gain = gain_of(
        facts,
        steps * duration("lag", lag_s) / number("slots", slots),
        at_most=polling,
        note="" if polling else f" (lag: median tail - {floor_s:.2f} where nothing else runs)",
    )
    if lag_s < LONG * op.slot_s.median or not facts.worth(gain.seconds):
        return None
    return Cause(
        "warning",
        message=(
            f"A freed slot stays empty for {seconds(median_s)} before the next step is "
            f"launched, with {slots} steps in parallel."
        ),
        evidence=(
            (
                f"tail of a step: median {seconds(median_s)}, 10 % below "
                f"{seconds(tail.spread_s.p10)}, 10 % above {seconds(tail.spread_s.p90)}"
            ),
            (
                "the executor polls the event log about once per second and launches one by one"
                if polling
                else f"the parent's polls alone may take {seconds(refill_lag_s(slots))} at "
                f"{slots} steps in parallel ({EVENTS_PER_STEP} events x {slots - 1} other steps x "
                f"{TICK_S * 1000:.0f} ms)"
            ),
        ),
        remedy=_REMEDY_DELEGATED if polling else "",
        gain=gain,
    )
