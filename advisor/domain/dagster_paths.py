"""Modules of Dagster that are named in text, not imported; a test pins that they are there."""

from __future__ import annotations

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
