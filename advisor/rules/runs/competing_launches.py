"""RUN016: a launch takes far longer among others than alone: too few cores for so many."""

from advisor.domain.quantities import seconds
from advisor.rules.runs.facts import RunFacts, boot_alone_s
from advisor.rules.runs.gain import Cause
from advisor.rules.runs.imports_in_launch import UNDISTURBED

CODE = "RUN016"


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
            f"A launch takes {seconds(boot_s)} with up to {facts.slots} steps in parallel, and "
            f"{seconds(alone_s)} alone: there are fewer cores than launches."
        ),
        evidence=(f"{steps} steps; launch and import alone as in the collecting step",),
    )
