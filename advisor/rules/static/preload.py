"""DYN009: a module of the preload list does not load."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN009"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """CPython's forkserver swallows the ImportError: the list then does nothing, silently."""
    for module, reason in (facts.job.unloadable_preloads if facts.job else {}).items():
        yield Fault(
            "warning",
            f"preload_modules names {module}, which does not load ({reason}); the forkserver says"
            " nothing of it, and preloads nothing from there on.",
        )
