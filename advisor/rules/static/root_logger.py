"""DYN025: managed loggers that take in alembic's, on SQLite."""

from collections.abc import Iterator

from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN025"


def check(facts: CheckFacts) -> Iterator[Fault]:
    """A step's first connection to a SQLite event log makes alembic log.

    That record becomes an event, whose storing wants the lock that the connection holds
    (dagster#32217).
    """
    if facts.instance is None or not facts.instance.deadlocking_loggers:
        return
    loggers = ", ".join(facts.instance.deadlocking_loggers)
    yield Fault(
        "error",
        f"dagster.yaml sets `python_logs: {{managed_python_loggers: [{loggers}]}}`, and the"
        " instance stores in SQLite: alembic's own log records become events while the event"
        " log is locked, and a step that opens it (assets, dynamic partitions) waits for ever.",
    )
