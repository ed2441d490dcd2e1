"""RUN010: steps that waited for a pool's slot."""

from advisor.domain.quantities import count, seconds
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause, duration, gain_of, number

CODE = "RUN010"


def diagnose(facts: RunFacts) -> Cause | None:
    """With fewer steps than slots the last one waits alone: its wait then bounds the gain."""
    waits = facts.run.pool_waits_s
    if not waits:
        return None
    total_s = sum(waits.values())
    longest = max(waits, key=lambda key: waits[key])
    shared = duration("summed waits", total_s) / number("slots", facts.slots)
    alone = duration("the longest wait", waits[longest])
    gain = gain_of(facts, max(shared, alone, key=lambda figure: figure.value), at_most=True)
    if not facts.worth(gain.seconds):
        return None
    return Cause(
        "warning",
        message=(
            f"{count(len(waits), 'step')} waited {seconds(total_s)} in all for a slot of "
            f"{'its' if len(waits) == 1 else 'their'} pool."
        ),
        evidence=(f"longest: {longest} with {seconds(waits[longest])}",),
        gain=gain,
    )
