"""DYN032: steps whose requests exceed the cluster's quota."""

from collections.abc import Iterator

from advisor.domain.cluster import Cluster
from advisor.domain.quantities import size
from advisor.domain.rule_facts import CheckFacts
from advisor.domain.workload import MappedOp
from advisor.rules.rule import Fault
from advisor.rules.step_resources import requested

CODE = "DYN032"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """What all steps of all runs request in parallel, beside what there is."""
    setting = facts.description.executor
    steps = setting.max_concurrent if setting else None
    for cluster in facts.own_clusters if steps else ():
        for op in facts.description.mapped:
            yield from _of_op(facts, op, cluster, steps or 1)


def _of_op(facts: CheckFacts, op: MappedOp, cluster: Cluster, steps: int) -> Iterator[Fault]:
    many = steps * cluster.runs_at_once
    cpu, memory_bytes = requested(facts, op)
    in_runs = f" in each of {cluster.runs_at_once} runs" if cluster.runs_at_once > 1 else ""
    requests = (
        (many * (cpu or 0), cluster.cpu, lambda amount: f"{amount:g} CPU"),
        (many * (memory_bytes or 0), cluster.memory_bytes, size),
        (many, cluster.pods, lambda amount: f"{amount:g} pods"),
    )
    for total, quota, spelled in requests:
        if quota is not None and total > quota:
            yield Fault(
                "warning",
                f"{steps} steps of {op.name} in parallel{in_runs} request {spelled(total)}, and the"
                f" quota of the cluster {cluster.name!r} is {spelled(quota)}: the others stay"
                " pending.",
                f"Set max_concurrent to {max(1, int(steps * quota / total))}, or request less.",
                location=op.location,
            )
