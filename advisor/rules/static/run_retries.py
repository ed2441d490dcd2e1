"""DYN005: a run retry leaves mapped steps out."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN005"
_MAX_RETRIES, _STRATEGY = "dagster/max_retries", "dagster/retry_strategy"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A retry from the failure skips mapped steps (dagster#20925, #30248, #30972)."""
    if facts.description.fan_out is None:
        return
    tags = facts.job.tags if facts.job else {}
    default = facts.instance.run_retries if facts.instance else 0
    retries = tags.get(_MAX_RETRIES, str(default))
    if retries.isdigit() and int(retries) > 0 and tags.get(_STRATEGY) != "ALL_STEPS":
        source = "the job's tag" if _MAX_RETRIES in tags else "the instance"
        yield Fault(
            "warning",
            f"Failed runs are retried ({source} says {retries}), and a retry from the failure"
            " leaves mapped steps out.",
        )
