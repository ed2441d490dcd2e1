"""DYN034: Dagster's default number of steps in a run's pod, which counts the node's CPUs."""

import math
from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN034"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """The node's CPUs are not known from here: those of this machine stand for them."""
    setting, host = facts.description.executor, facts.host
    if host is None or setting is None or setting.executor != "multiprocess":
        return
    used = setting.effective_max_concurrent or host.cpu_count
    for cluster in facts.clusters if setting.max_concurrent is None else ():
        if cluster.run_pod_cpu is not None and used > math.ceil(cluster.run_pod_cpu):
            yield Fault(
                "warning",
                "max_concurrent is not set: Dagster takes what Python counts, the CPUs of the node"
                f" (here {used}), and the run's pod of the cluster {cluster.name!r} has"
                f" {cluster.run_pod_cpu:g}.",
                f"Set max_concurrent to {math.ceil(cluster.run_pod_cpu)}, or"
                " DAGSTER_MULTIPROCESS_EXECUTOR_MAX_CONCURRENT in the pod.",
            )
