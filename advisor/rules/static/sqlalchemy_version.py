"""DYN041: a SQLAlchemy that the installed dagster-postgres does not work with."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN041"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Seen with SQLAlchemy 2.1 and dagster-postgres 0.29.27."""
    packages = facts.instance.packages if facts.instance else {}
    postgres, alchemy = packages.get("dagster-postgres", ""), packages.get("sqlalchemy", "")
    if postgres.startswith("0.29.") and _pair(alchemy) >= (2, 1):
        yield Fault(
            "error",
            f"SQLAlchemy {alchemy} and dagster-postgres {postgres} do not work together: the"
            " instance's storage cannot be opened.",
        )


def _pair(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
