"""DYN110: an op gives other results than at the base."""

from __future__ import annotations

from advisor.domain.gate import OpTiming
from advisor.rules.rule import Fault

CODE = "DYN110"
MEANING = "an op gives another result than at the base, for the same inputs"
LOOKS = "`work` gives another result than at the base for the same inputs: result.total."
REMEDY = "Nothing to do where that is meant: base and head may then do different work."


def check(timing: OpTiming) -> Fault | None:
    """A note: a change of code may change results."""
    if not timing.other_results:
        return None
    parts = ", ".join(timing.other_results)
    message = f"`{timing.op}` gives another result than at the base for the same inputs: {parts}."
    return Fault("note", message)
