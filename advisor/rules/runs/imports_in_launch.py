"""RUN003: starting Python and importing takes more of a slot than the work."""

from advisor.domain.quantities import seconds
from advisor.model.run_statistics import WORK
from advisor.rules.runs.facts import RunFacts, boot_alone_s, tail_alone_s
from advisor.rules.runs.gain import Cause, duration, gain_of, number

CODE = "RUN003"
_REMEDY_PRELOADED = (
    "Check that the preload list covers what a step imports (`dynadvise calibrate` derives one and "
    "proves it); what then remains occurs in every step: fewer, longer steps (batches)."
)
LARGE = 0.3
"""Share of a step's slot from which its launch is a large part of it."""
UNDISTURBED = 0.6
"""A launch alone that takes so much less than among others is slow for the others."""


def diagnose(facts: RunFacts) -> Cause | None:
    """Against what a warm start takes, where that is calibrated."""
    run = facts.run
    if run.executor != "multiprocess" or not facts.mapped:
        return None
    op = facts.mapped[0]
    boot_s = op.median_s("launch", "import and plan")
    preloaded, alone_s = run.preload_modules is not None, boot_alone_s(facts)
    if boot_s < LARGE * op.slot_s.median:
        return None
    if preloaded and alone_s is not None and alone_s <= UNDISTURBED * boot_s:
        return None  # warm already: RUN016 tells what it is
    warm = facts.overhead.multiprocess.get("warm_forkserver") if facts.overhead else None
    # A spawned child also ends its interpreter in its slot; a forked one just leaves.
    exit_s = 0.0
    if run.start_method == "spawn" and (tail := op.phase("tail")) is not None:
        exit_s = min(tail.spread_s.p10, tail_alone_s(run))
    start_s = boot_s + exit_s
    warm_s = min(start_s, warm.boot_s + warm.exit_s) if warm else 0.0
    steps = sum(mapped.attempts for mapped in facts.mapped)
    each = duration("launch, import and exit", start_s) - duration(
        "a start with preload_modules", warm_s
    )
    others = duration("the same of the other steps", _plain_s(facts, exit_s - warm_s))
    per_slot = number("mapped steps", steps) / number("slots", facts.slots)
    gain = gain_of(facts, per_slot * each + others, at_most=warm is None)
    if not facts.worth(gain.seconds):
        return None
    return Cause(
        "warning",
        message=(
            f"Each step of {op.op} spends {seconds(boot_s)} on starting Python and importing, "
            f"and {seconds(op.median_s(*WORK))} on its work."
        ),
        evidence=(
            (
                f"launch {seconds(op.median_s('launch'))}, import and plan "
                f"{seconds(op.median_s('import and plan'))}, {steps} steps, "
                f"{facts.slots} in parallel"
            ),
            f"start method {run.start_method}"
            + (f" with {len(run.preload_modules or ())} preloaded modules" if preloaded else ""),
        ),
        remedy=_REMEDY_PRELOADED if preloaded else "",
        gain=gain,
    )


def _plain_s(facts: RunFacts, more_s: float) -> float:
    """The steps before and after the mapped ones start alone, in what their own launch takes."""
    return sum(
        max(0.0, step.resource_init_started_s - step.worker_starting_s + more_s)
        for step in facts.run.steps
        if step.mapping_key is None
        and step.worker_starting_s is not None
        and step.resource_init_started_s is not None
    )
