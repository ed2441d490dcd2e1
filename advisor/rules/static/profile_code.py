"""DYN022: the committed profile is older than the code of an op that it describes."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN022"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """One fault for each mapped op that changed or came since the profile."""
    if facts.profiled is None:
        return
    before = {op.handle: op.reference for op in facts.profiled.description.mapped}
    for mapped in facts.description.mapped:
        old = before.get(mapped.handle)
        if old is None:
            what = f"`{mapped.handle}` is not in the committed profile"
        elif None in {old.source_hash, mapped.reference.source_hash}:
            continue
        elif old.source_hash != mapped.reference.source_hash:
            what = f"The code of `{mapped.handle}` has changed since the committed profile"
        else:
            continue
        yield Fault(
            "warning", f"{what}, so that its advice may not hold.", location=mapped.location
        )
