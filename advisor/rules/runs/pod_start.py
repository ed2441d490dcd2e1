"""RUN004: a pod, container or task a step, for less work than its start."""

import math

from advisor.domain.cluster import DELEGATING
from advisor.domain.quantities import seconds
from advisor.model.run_statistics import BOOT, WORK
from advisor.rules.runs.errors import has_crash
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause, duration, gain_of, number

CODE = "RUN004"
WORK_OF_START = 10
"""A batch whose work is ten times its start: overhead below a tenth."""


def diagnose(facts: RunFacts) -> Cause | None:
    """Each step less is one start less, and one turn less of a slot that waits to be given away."""
    if facts.run.executor not in DELEGATING or not facts.mapped or has_crash(facts):
        return None
    op = facts.mapped[0]
    boot_s, work_s = op.median_s(*BOOT), op.median_s(*WORK)
    batch = math.ceil(WORK_OF_START * boot_s / work_s) if work_s > 0 else op.attempts
    batch = max(1, min(batch, op.attempts // max(1, facts.slots)))
    fewer = number("steps", op.attempts) - number("batches", math.ceil(op.attempts / batch))
    step = duration("start and tail", boot_s + op.median_s("tail"))
    gain = gain_of(facts, fewer * step / number("slots", facts.slots))
    if batch < 2 or boot_s < work_s or not facts.worth(gain.seconds):
        return None
    return Cause(
        "warning",
        message=(
            f"Each step of {op.op} takes {seconds(boot_s)} to start under the "
            f"{facts.run.executor} executor and works {seconds(work_s)}."
        ),
        evidence=(
            (
                f"start {seconds(op.median_s('launch'))}, import and plan "
                f"{seconds(op.median_s('import and plan'))}"
            ),
            f"{op.attempts} steps, {facts.slots} in parallel",
        ),
        remedy=f"Put about {batch} items into one step, or run the mapped part in one process.",
        gain=gain,
    )
