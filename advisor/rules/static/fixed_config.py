"""DYN002: ``configured(...)`` makes run config for the executor ignored."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN002"
RUN_HERE = ("in_process", "multiprocess", "async")
OVERRIDABLE = (
    "Give defaults that can be overridden: configured(lambda given: {**DEFAULTS, **given}, "
    "config_schema=Permissive())."
)


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Keys set by ``configured`` are not in the executor's schema any more."""
    setting = facts.description.executor
    fixed = setting.fixed_by_code if setting else ()
    if setting and fixed:
        yield Fault(
            "warning",
            f"The executor's {', '.join(fixed)} {'is' if len(fixed) == 1 else 'are'} set by"
            " configured(...): all run config for the executor is ignored without a word.",
            None if setting.executor in RUN_HERE else OVERRIDABLE,
        )
