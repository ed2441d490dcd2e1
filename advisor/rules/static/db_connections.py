"""DYN040: more steps in parallel than the instance's database has connections for."""

from collections.abc import Iterator

from advisor.domain.cluster import BY_WORKERS
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN040"
_AS_DAGSTER = "as Dagster 1.13 opens them: one while it reads or writes"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Each process of a run opens the instance's storages ("too many clients": dagster#20325)."""
    setting = facts.description.executor
    for cluster in facts.own_clusters:
        by_workers = setting is not None and setting.executor in BY_WORKERS
        steps = cluster.slots if by_workers or setting is None else setting.max_concurrent
        if steps is None or cluster.db_connections is None:
            continue
        runs, each = 1 if by_workers else cluster.runs_at_once, cluster.process_connections
        held = runs * (steps + 1) * each
        if held > cluster.db_connections:
            in_runs = f" in each of {runs} runs" if runs > 1 else ""
            most = max(1, cluster.db_connections // (each * runs) - 1)
            setting_name = "slots" if by_workers else "max_concurrent"
            source = cluster.sources.get("process_connections", _AS_DAGSTER)
            yield Fault(
                "warning",
                f"{steps} steps in parallel{in_runs}, and the run's own process, can hold {held}"
                f" connections to the instance's database ({each} per process: {source}), and the"
                f" cluster {cluster.name!r} allows {cluster.db_connections}.",
                f"Set {setting_name} to {most} or less, raise the database's max_connections, or"
                " use a pooler.",
            )
