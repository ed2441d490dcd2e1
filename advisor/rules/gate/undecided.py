"""DYN103: the pairs that were allowed do not decide whether an op became slower."""

from __future__ import annotations

from advisor.domain.gate import OpTiming, Verdict
from advisor.domain.gate_words import bounds, more_pairs
from advisor.rules.rule import Fault

CODE = "DYN103"
MEANING = "the pairs that were allowed do not decide whether an op became slower"
LOOKS = "`work`: not decided, +7 % [-4 %, +19 %] over 20 measurements; the limit is +10 %."
REMEDY = "Allow more pairs (`--pairs N`, the finding says how many), or use a quieter machine."


def check(timing: OpTiming, limit: str) -> Fault | None:
    """Of an op that is not certainly slower either."""
    if timing.verdict is not Verdict.INCONCLUSIVE or timing.certainly_slower:
        return None
    remedy = more_pairs(timing)
    if timing.pairs_to_decide is not None:
        remedy += f": --pairs {timing.pairs_to_decide}, or a quieter machine."
    return Fault(
        "warning",
        f"`{timing.op}`: not decided, {bounds(timing)} over {timing.pairs} measurements; the "
        f"limit is {limit}.",
        remedy,
    )
