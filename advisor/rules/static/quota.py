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
    runs = cluster.runs_at_once
    in_runs = f" in each of {runs} runs" if runs > 1 else ""
    for request, quota, left, held, spelled in zip(
        (*requested(facts, op), 1),
        (cluster.cpu, cluster.memory_bytes, cluster.pods),
        cluster.for_steps,
        cluster.held_by_runs,
        ("{:g} CPU".format, size, "{:g} pods".format),
        strict=True,
    ):
        if not request or quota is None or left is None or steps * request <= left:
            continue
        total = steps * runs * request
        beside = f", {spelled(held)} of it for the runs' own pods" if held else ""
        fitting = int(left / request)
        yield Fault(
            "warning",
            f"{steps} steps of {op.name} in parallel{in_runs} request {spelled(total)}, and the"
            f" quota of the cluster {cluster.name!r} is {spelled(quota)}{beside}: the others stay"
            " pending.",
            f"Set max_concurrent to {fitting}, or request less."
            if fitting >= 1
            else "Request less, or run fewer runs in parallel.",
            location=op.location,
        )
