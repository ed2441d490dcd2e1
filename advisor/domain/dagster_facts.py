"""Facts read from Dagster's code (1.13): names of its modules, and its multiprocess loop."""

MULTIPROCESS_EXECUTOR = "dagster._core.executor.multiprocess"
"""Imported by every forkserver of Dagster's."""

NO_COMPUTE_LOGS = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}
"""``compute_logs`` of ``dagster.yaml`` by which the output of steps is not captured."""

BEFORE_AN_OP = (
    "dagster._core.remote_representation.code_location",
    "dagster._core.storage.event_log",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dagster._core.launcher.sync_in_memory_run_launcher",
    "dagster._utils.test.definitions",
)
"""What Dagster imports by the way before it calls an op."""


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
