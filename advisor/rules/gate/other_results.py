"""DYN110: an op gives other results than at the base."""

from __future__ import annotations

from advisor.domain.finding import Finding
from advisor.domain.gate import OpTiming

CODE = "DYN110"
MEANING = "an op gives another result than at the base, for the same inputs"
LOOKS = "`work` gives another result than at the base for the same inputs: result.total."
REMEDY = "Nothing to do where that is meant: base and head may then do different work."


def check(timing: OpTiming, target: str) -> Finding | None:
    """A note: a change of code may change results."""
    if not timing.other_results:
        return None
    parts = ", ".join(timing.other_results)
    message = f"`{timing.op}` gives another result than at the base for the same inputs: {parts}."
    return Finding(CODE, "note", message, REMEDY, timing.location, target)
