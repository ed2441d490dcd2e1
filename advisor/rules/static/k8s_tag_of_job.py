"""DYN031: ``dagster-k8s/config`` on a job, whose steps have pods of their own."""

from collections.abc import Iterator

from advisor.domain.rule_facts import POD_TAG, CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN031"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A job's tag configures the run's pod; a step's pod takes its op's tag."""
    setting = facts.description.executor
    if facts.job is None or setting is None or POD_TAG not in facts.job.tags:
        return
    without = [op.name for op in facts.description.mapped if POD_TAG not in op.tags]
    if setting.executor in {"k8s", "celery_k8s"} and without:
        yield Fault(
            "warning",
            f"The tag {POD_TAG} of the job reaches the run's own pod only: the pods of"
            f" {', '.join(without)} do not get it.",
        )
