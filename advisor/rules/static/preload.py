"""DYN009: a module of the preload list does not load."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN009"
MEANING = "a preload list that does not load"
LOOKS = (
    "preload_modules names sqlalchmey, which does not load (no such module); the forkserver says "
    "nothing of it, and preloads nothing from there on."
)
REMEDY = "Correct the list: `dynadvise emit PROFILE --as run-config` gives one that was measured."


def check(facts: CheckFacts) -> Iterator[Fault]:
    """CPython's forkserver swallows the ImportError: the list then does nothing, silently."""
    for module, reason in (facts.job.unloadable_preloads if facts.job else {}).items():
        yield Fault(
            "warning",
            f"preload_modules names {module}, which does not load ({reason}); the forkserver says"
            " nothing of it, and preloads nothing from there on.",
        )
