"""DYN104: an op could not be compared."""

from __future__ import annotations

from advisor.domain.gate import Obstacle, OpTiming, Verdict
from advisor.rules.rule import Fault

CODE = "DYN104"
MEANING = "an op, or a whole target, could not be measured"
LOOKS = "`work` could not be compared: at the base it raised FileNotFoundError."
REMEDY = (
    "The base is a git checkout: submodules, and data and generated code that git ignores, are not "
    "there."
)


def check(timing: OpTiming, _limit: str) -> Fault | None:
    """A note where the base has no such op; DYN109 says what is unlike."""
    if timing.verdict is not Verdict.NOT_MEASURED or timing.obstacle is Obstacle.UNLIKE:
        return None
    return Fault(
        "note" if timing.new else "warning",
        f"`{timing.op}` could not be compared: {timing.reason}",
        _remedy(timing),
    )


def _remedy(timing: OpTiming) -> str:
    if timing.new:
        return "Nothing to do: the next change has a base."
    return REMEDY if timing.obstacle is Obstacle.BASE_FAILED else ""
