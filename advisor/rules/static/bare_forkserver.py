"""DYN012: a forkserver without a preload list."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN012"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Dagster 1.13 reads an absent ``preload_modules`` as an empty list (``opt_list_elem``)."""
    description = facts.description
    setting = description.executor
    if setting is None or setting.start_method != "forkserver" or setting.preload_modules:
        return
    yield Fault(
        "note",
        "start_method is forkserver without preload_modules: Dagster then preloads nothing of"
        " yours, and every step imports your module and what it needs.",
    )
