"""RUN002: the work itself, one item after another."""

from advisor.domain.quantities import percent, seconds
from advisor.model.run_statistics import compute_s, item_count, mapped_steps
from advisor.rules.runs.facts import RunFacts, own_code_s, typical_s
from advisor.rules.runs.gain import Cause, constant, duration, gain_of, number

CODE = "RUN002"
MOST = 0.5
"""The items' share of the run from which they are most of it."""


def diagnose(facts: RunFacts) -> Cause | None:
    """Two at once; with a calibration less the launches that this needs."""
    items = item_count(facts.run)
    if facts.parallelism.holding_peak > 1 or items < 2:
        return None
    done = [step for step in mapped_steps(facts.run) if step.status == "success"]
    work_s = sum(compute_s(step) or 0.0 for step in done)
    warm = facts.overhead.multiprocess.get("warm_forkserver") if facts.overhead else None
    two = constant(2)
    if warm:
        launch = duration(
            "launch under a forkserver with preload_modules", warm.boot_s + warm.prepare_s
        )
        halved = duration("summed computing", work_s) / two - number("items", items) * launch / two
        gain = gain_of(facts, halved, note=", for two in parallel", spreads_work=True)
    else:
        # One step for all items also spares each its own load, store and events.
        own_s = own_code_s(facts.run) - own_code_s(facts.run, done) / 2
        left = duration("makespan", facts.makespan_s) - duration(
            "the ops' own code, the items' half of it", own_s
        )
        gain = gain_of(
            facts, left, at_most=True, note=", for two in parallel in one step", spreads_work=True
        )
    if work_s < MOST * facts.makespan_s or not facts.worth(gain.seconds):
        return None
    slowest = max(done, key=lambda step: compute_s(step) or 0.0)
    return Cause(
        "warning",
        message=(
            f"{items} items ran one after another, and their computing is "
            f"{percent(work_s / facts.makespan_s)} of the run's {seconds(facts.makespan_s)}."
        ),
        evidence=(
            (
                f"computing {seconds(work_s)} in all, "
                f"{seconds(typical_s(facts.mapped, 'compute'))} per item"
            ),
            f"slowest: {slowest.step_key} with {seconds(compute_s(slowest) or 0.0)}",
            "never two steps in parallel",
        ),
        gain=gain,
    )
