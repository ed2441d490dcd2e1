"""DYN007: a step's process cannot find the job again."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN007"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """``execute_job`` with several processes needs the job by module and name."""
    description = facts.description
    setting = description.executor
    if description.reconstructable or setting is None or setting.executor == "in_process":
        return
    reason = description.not_reconstructable_reason
    yield Fault(
        "warning",
        "A step's process cannot find this job again" + (f": {reason}." if reason else "."),
    )
