"""DYN040: more steps in parallel than the instance's database has connections for."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.domain.cluster import BY_WORKERS, STEP_CONNECTIONS
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN040"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Each step's process opens the instance's storages ("too many clients": dagster#20325)."""
    setting = facts.description.executor
    for cluster in facts.own_clusters:
        by_workers = setting is not None and setting.executor in BY_WORKERS
        steps = cluster.slots if by_workers or setting is None else setting.max_concurrent
        if steps is None or cluster.db_connections is None:
            continue
        runs = 1 if by_workers else cluster.runs_at_once
        held = steps * runs * STEP_CONNECTIONS
        if held > cluster.db_connections:
            in_runs = f" in each of {runs} runs" if runs > 1 else ""
            most = max(1, cluster.db_connections // (STEP_CONNECTIONS * runs))
            setting_name = "slots" if by_workers else "max_concurrent"
            yield Fault(
                "warning",
                f"{steps} steps in parallel{in_runs} hold {held} connections to the instance's"
                f" database ({STEP_CONNECTIONS} per step: assumed, as seen with Dagster 1.13), and"
                f" the cluster {cluster.name!r} allows {cluster.db_connections}.",
                f"Set {setting_name} to {most} or less, raise Postgres' max_connections, or use a"
                " pooler.",
            )
