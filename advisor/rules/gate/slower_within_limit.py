"""DYN102: an op became slower, not surely beyond the limit."""

from __future__ import annotations

from advisor.domain.gate import OpTiming, Verdict
from advisor.domain.gate_words import bounds, more_pairs
from advisor.rules.rule import Fault

CODE = "DYN102"
MEANING = "an op became slower, not surely beyond max-regression"
LOOKS = "`work` is certainly slower: +6 % [+2 %, +9 %] over 10 measurements; the limit is +10 %."
REMEDY = "Within the limit. Where it is not decided, more pairs would: `--pairs N`."


def check(timing: OpTiming, limit: str) -> Fault | None:
    """Where "not slower" is rejected, however small the slowdown."""
    if timing.verdict in {Verdict.FAIL, Verdict.NOT_MEASURED} or not timing.certainly_slower:
        return None
    return Fault(
        "warning",
        f"`{timing.op}` is certainly slower: {bounds(timing)} over {timing.pairs} measurements; "
        f"the limit is {limit}.",
        more_pairs(timing) if timing.verdict is Verdict.INCONCLUSIVE else "Within the limit.",
    )
