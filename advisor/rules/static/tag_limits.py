"""DYN013: a tag limit that holds the mapped steps back, or one that counts runs instead."""

from collections.abc import Iterator

from advisor.domain.quantities import count
from advisor.domain.rule_facts import CheckFacts
from advisor.domain.tag_limits import tag_limits
from advisor.rules.rule import Fault

CODE = "DYN013"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """The executor's limits on steps, then the instance's on runs with a tag of a mapped op."""
    yield from _of_steps(facts)
    yield from _of_runs(facts)


def _of_steps(facts: CheckFacts) -> Iterator[Fault]:
    """A limit below the executor's slots leaves slots empty; it is said, and never gone round."""
    description, setting = facts.description, facts.description.executor
    if setting is None:
        return
    limits = tag_limits(setting.tag_concurrency_limits, [op.tags for op in description.mapped])
    for op, names in zip(description.mapped, limits.stages, strict=True):
        name = min(names, key=limits.steps.__getitem__, default=None)
        slots = setting.effective_max_concurrent
        if name is None or (slots is not None and limits.steps[name] >= slots):
            continue
        most = limits.steps[name]
        cost = (
            ""
            if slots is None
            else (
                f", so that {slots - most} of the executor's {slots} slots stay empty and the"
                f" mapped steps take up to {slots / most:.3g} times as long"
            )
        )
        yield Fault(
            "note",
            f"tag_concurrency_limits let {count(most, 'step')} with the tag {name} run in parallel"
            f" ({op.name}){cost}.",
            "What is advised keeps the limit. Raise it if what it protects allows more.",
            location=op.location,
        )


def _of_runs(facts: CheckFacts) -> Iterator[Fault]:
    if facts.instance is None:
        return
    for op in facts.description.mapped:
        for key in sorted(set(op.tags) & set(facts.instance.run_tag_limits)):
            yield Fault(
                "warning",
                f"{op.name} has the tag {key}, and dagster.yaml limits the runs with that tag:"
                " the steps of one run are not limited.",
                "Put tag_concurrency_limits into the executor's config (the steps of a run), or"
                " give the op a pool (the steps of all runs).",
                location=op.location,
            )
