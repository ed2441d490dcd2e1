"""Runs that happened, read back from their event logs."""

from advisor.dagster_bridge.event_log.reading import (
    assemble_run,
    list_runs,
    read_run,
    source_of,
)
from advisor.dagster_bridge.event_log.rows import EventRow, RunRow, RunSource

__all__ = [
    "EventRow",
    "RunRow",
    "RunSource",
    "assemble_run",
    "list_runs",
    "read_run",
    "source_of",
]
