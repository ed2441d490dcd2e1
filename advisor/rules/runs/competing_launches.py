"""RUN016: a launch takes far longer among others than alone: too few cores for so many."""

from __future__ import annotations

from advisor.domain.quantities import seconds
from advisor.rules.runs.facts import RunFacts, boot_alone_s
from advisor.rules.runs.gain import Cause
from advisor.rules.runs.imports_in_launch import UNDISTURBED

CODE, KIND = "RUN016", "launches-compete-for-cpu"
MEANING = "a launch takes far longer among others than alone"
LOOKS = (
    "A launch takes 2.1 s with up to 6 steps at once, and 0.25 s alone: there are fewer cores than "
    "launches."
)
REMEDY = (
    "Cheaper or fewer launches: a warm forkserver, batches, threads inside a step for items that "
    "wait. About as many steps at once as there are cores take no longer and need less memory."
)


def diagnose(facts: RunFacts) -> Cause | None:
    """No gain is promised: as many launches in fewer slots take the cores as long."""
    if facts.run.executor != "multiprocess" or not facts.mapped or facts.slots < 2:
        return None
    op, alone_s = facts.mapped[0], boot_alone_s(facts)
    boot_s = op.median_s("launch", "import and plan")
    steps = sum(mapped.attempts for mapped in facts.mapped)
    if alone_s is None or alone_s > UNDISTURBED * boot_s:
        return None
    if not facts.worth(steps * (boot_s - alone_s) / facts.slots):
        return None
    return Cause(
        "note",
        message=(
            f"A launch takes {seconds(boot_s)} with up to {facts.slots} steps at once, and "
            f"{seconds(alone_s)} alone: there are fewer cores than launches."
        ),
        evidence=(f"{steps} steps; launch and import alone as in the collecting step",),
    )
