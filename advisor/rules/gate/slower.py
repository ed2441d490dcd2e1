"""DYN101: an op became slower than the limit allows."""

from __future__ import annotations

from advisor.domain.gate import OpTiming, Verdict
from advisor.domain.gate_words import bounds
from advisor.rules.rule import Fault

CODE = "DYN101"
MEANING = "an op became slower than max-regression allows"
LOOKS = "`work` became slower: +31 % [+22 %, +41 %] over 10 measurements; the limit is +10 %."
REMEDY = "`dynadvise profile TARGET --flamegraph FILE` shows where the time goes."


def check(timing: OpTiming, limit: str) -> Fault | None:
    """By the verdict on its pairs."""
    if timing.verdict is not Verdict.FAIL:
        return None
    return Fault(
        "error",
        f"`{timing.op}` became slower: {bounds(timing)} over {timing.pairs} measurements; the "
        f"limit is {limit}.",
    )
