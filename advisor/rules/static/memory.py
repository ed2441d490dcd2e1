"""DYN011: the steps that run at once need more memory than there is."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.domain.quantities import size
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN011"
MEANING = "the steps that run at once need more memory than there is"
LOOKS = (
    "8 steps at once need up to 9.0 GiB, and there are 8.0 GiB: the system would kill one of them."
)
REMEDY = "Lower max_concurrent: `dynadvise emit PROFILE --as run-config` gives one that fits."


def check(facts: CheckFacts) -> Iterator[Fault]:
    """The job as it is configured, at its measured peak (a SIGKILL is nearly always this)."""
    advice = facts.advice
    if advice is None or advice.current is None:
        return
    need, have = advice.current.peak_memory_bytes, advice.host.memory_bytes
    if need > have > 0:
        yield Fault(
            "error",
            f"{advice.current.candidate.max_concurrent} steps at once need up to"
            f" {size(need)}, and there are {size(have)}: the system would kill"
            " one of them.",
        )
