"""DYN105: the job's own configuration is expected to be much slower than the best."""

from __future__ import annotations

from advisor.domain.gate import AdviceCheck
from advisor.domain.quantities import percent
from advisor.rules.rule import Fault

CODE = "DYN105"
MEANING = "the job's own configuration is expected to be slower than the best by max-regret"
LOOKS = (
    "The job's own configuration (multiprocess, spawn, 2 at once) is expected to take 31 % longer "
    "than multiprocess, warm forkserver, 4 at once; the limit is 15 %."
)
REMEDY = "Use the configuration in the finding."


def check(advice: AdviceCheck, max_regret: float) -> Fault | None:
    """None where it is good enough, or unknown."""
    if advice.regret is None or advice.regret <= max_regret:
        return None
    return Fault(
        "error",
        f"The job's own configuration ({advice.current}) is expected to take "
        f"{percent(advice.regret)} longer than {advice.recommended}; the limit is "
        f"{percent(max_regret)}.",
        f"Use this configuration:\n{advice.snippet}" if advice.snippet else "",
    )
