"""Facts of the loop of Dagster's multiprocess executor, read from its code (1.13)."""

from __future__ import annotations

TICK_S = 0.020
"""``TICK`` of ``dagster/_core/executor/child_process_executor.py``: the poll of a quiet step."""

EVENTS_PER_STEP = 12
"""Turns of the loop that a mapped step takes: STEP_WORKER_STARTING, and one for each message of its
process: STEP_WORKER_STARTED; RESOURCE_INIT_STARTED and _SUCCESS, LOGS_CAPTURED, STEP_START;
LOADED_INPUT, STEP_INPUT; STEP_OUTPUT, HANDLED_OUTPUT, STEP_SUCCESS, and that it is done."""

PARENT_STEP_S = 0.015
"""The loop's own CPU for one step where nothing tells it: 12 to 24 ms under a warm forkserver on a
shared 2-core machine."""


def refill_lag_s(slots: int) -> float:
    """Longest wait of a free slot for its next step, in seconds.

    The loop takes one event of a step a turn, and waits up to a tick on each other step that is
    quiet.
    """
    return EVENTS_PER_STEP * (slots - 1) * TICK_S
