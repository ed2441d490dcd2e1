"""What a run did, besides the time that it took: its items, steps, logged errors and result."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable

from dagster import DagsterInstance

from advisor.domain.verification import RunContent

_ENDS = {"STEP_SUCCESS": True, "STEP_FAILURE": False, "STEP_SKIPPED": False}


def run_content(
    instance: DagsterInstance, run_id: str, ops: Iterable[str], result: object = None
) -> RunContent:
    """Read from the run's whole log.

    Args:
        ops: Handles of all ops of its job: one without any step counts as a planned step.
        result: What the run gave; None where that is not known.
    """
    ran: dict[str, bool] = {}
    errors = 0
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None:
            errors += int(entry.level) >= logging.ERROR
        elif event.event_type_value in _ENDS and event.step_key:
            ran[event.step_key] = _ENDS[event.event_type_value]
    executed = [key for key, has_run in ran.items() if has_run]
    unseen = set(ops) - {key.partition("[")[0] for key in ran}
    return RunContent(
        items=len({key.partition("[")[2] for key in executed if "[" in key}),
        steps=len(executed),
        planned_steps=len(ran) + len(unseen),
        errors=errors,
        result=_digest(result),
    )


def _digest(result: object) -> str | None:
    """A hash of the value as text; None for no value, or for one that shows addresses."""
    text = "None" if result is None else repr(result)
    if text == "None" or " at 0x" in text:
        return None
    return hashlib.sha256(text.encode()).hexdigest()[:16]
