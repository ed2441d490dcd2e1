"""What Dagster imports by the way before it calls an op: to be imported before a fork.

Dagster's modules by name: one that moves is imported later, and costs each child its time again.
"""

from __future__ import annotations

import contextlib
import importlib

MODULES = (
    "dagster",
    "dagster._core.remote_representation.code_location",
    "dagster._core.storage.event_log",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dagster._core.launcher.sync_in_memory_run_launcher",
    "dagster._utils.test.definitions",
)

for name in MODULES:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
