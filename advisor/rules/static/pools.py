"""DYN004: a pool that limits nothing inside a run."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN004"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A pool without a limit is unlimited; with granularity ``run``, steps are not counted."""
    instance = facts.instance
    if instance is None or not instance.pools_known:
        return
    for op in facts.description.mapped:
        if op.pool is None:
            continue
        limit = instance.pool_limits.get(op.pool, instance.default_pool_limit)
        if limit is None:
            yield Fault(
                "warning",
                f"{op.name} names the pool {op.pool}, which has no limit on this instance:"
                " it holds nothing back.",
                f"dagster instance concurrency set {op.pool} 2 (or as many as may be).",
                location=op.location,
            )
        elif instance.pool_granularity == "run":
            yield Fault(
                "warning",
                f"{op.name} names the pool {op.pool}, which this instance counts by run: the"
                " steps of one run are not limited.",
                "Set `concurrency: {pools: {granularity: op}}` in dagster.yaml.",
                location=op.location,
            )
