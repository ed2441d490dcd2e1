"""RUN009: more slots configured than steps were ever at work."""

from advisor.domain.quantities import percent
from advisor.model.run_statistics import item_count
from advisor.rules.runs import pool_waits
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE = "RUN009"
LITTLE = 0.1
"""Share of the time with a step at work below which two at work hardly happens."""


def diagnose(facts: RunFacts) -> Cause | None:
    """Silent where a pool's limit holds the steps back, not their launches."""
    p = facts.parallelism
    if facts.run.executor == "in_process" or p.configured is None or p.configured < 2:
        return None
    usable = min(p.configured, item_count(facts.run))
    if usable < 2 or (p.working_peak > max(1, usable // 2) and p.overlap > LITTLE):
        return None
    if pool_waits.diagnose(facts) is not None:
        return None
    return Cause(
        "note",
        message=(
            f"max_concurrent is {p.configured}, and on average {p.working_mean:.2f} steps were at "
            f"work, never more than {p.working_peak}."
        ),
        evidence=(
            f"slots held in parallel: {p.holding_peak}",
            f"overlap {percent(p.overlap)} of the time with a step at work",
        ),
    )
