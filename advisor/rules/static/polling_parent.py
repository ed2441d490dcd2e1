"""DYN010: more steps at once than the executor's parent can keep busy."""

from collections.abc import Iterator

from advisor.domain.dagster_facts import refill_lag_s
from advisor.domain.quantities import seconds
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN010"
_MANY = 32  # slots from which that wait is long whatever the items take


def check(facts: CheckFacts) -> Iterator[Fault]:
    """The slots wait longer for their next step than an item takes."""
    setting = facts.description.executor
    if setting is None or setting.executor != "multiprocess":
        return
    slots = setting.effective_max_concurrent or 1
    item_s = facts.advice.workload.wall_s.median if facts.advice else None
    if facts.advice is not None:
        slots = min(slots, facts.advice.workload.items)
    lag_s = refill_lag_s(slots)
    if slots >= _MANY if item_s is None else lag_s > item_s and slots > 8:
        beside = f", an item takes {seconds(item_s)}" if item_s is not None else ""
        yield Fault(
            "warning",
            f"{slots} steps in parallel are more than the executor's parent, which asks one after"
            f" another, can keep busy: a free slot waits up to {seconds(lag_s)} for its next"
            f" step{beside}.",
        )
