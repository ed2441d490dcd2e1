"""DYN031: ``dagster-k8s/config`` on a job, whose steps have pods of their own."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault
from advisor.rules.step_resources import TAG

CODE = "DYN031"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A job's tag configures the run's pod; a step's pod takes its op's tag."""
    setting = facts.description.executor
    if facts.job is None or setting is None or TAG not in facts.job.tags:
        return
    without = [op.name for op in facts.description.mapped if TAG not in op.tags]
    if setting.executor in {"k8s", "celery_k8s"} and without:
        yield Fault(
            "warning",
            f"The tag {TAG} of the job reaches the run's own pod only: the pods of"
            f" {', '.join(without)} do not get it.",
        )
