"""DYN001: the dask executor drops mapped steps."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN001"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Seen in Dagster 1.13: the run succeeds with only the fan-out op run (dagster#9785)."""
    description = facts.description
    if (
        description.fan_out is not None
        and description.executor is not None
        and description.executor.executor == "dask"
    ):
        yield Fault(
            "error",
            "The dask executor does not run steps mapped over a dynamic output: the run succeeds"
            " without them.",
        )
