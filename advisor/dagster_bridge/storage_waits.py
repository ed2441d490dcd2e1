"""What this process waits for the instance's storage while a run goes on."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.dagster_bridge.process_memory import delayed_by_others_s

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry


def own_cpu_s() -> float:
    """CPU seconds of this process, all its threads included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass
class StorageWaits:
    """What storing events took of this process beyond its own computing.

    Attributes:
        events: That it stored.
        waited_s: In all.
        first_step_cpu_s: `own_cpu_s` when the first step was about to start; None before.
    """

    events: int = 0
    waited_s: float = 0.0
    first_step_cpu_s: float | None = None

    @property
    def each_s(self) -> float:
        """Seconds for one event."""
        return self.waited_s / max(1, self.events)


@contextmanager
def storage_waits(instance: DagsterInstance) -> Iterator[StorageWaits]:
    """Clock the storing of events while the block runs."""
    waits, storage = StorageWaits(), instance.event_log_storage
    store = storage.store_event

    def clocked(event: EventLogEntry) -> None:
        told = event.dagster_event
        starts = told is not None and told.event_type_value == "STEP_WORKER_STARTING"
        if starts and waits.first_step_cpu_s is None:
            waits.first_step_cpu_s = own_cpu_s()
        begun, busy_s = time.perf_counter(), time.thread_time() + delayed_by_others_s()
        store(event)
        busy_s = time.thread_time() + delayed_by_others_s() - busy_s
        waits.events += 1
        waits.waited_s += max(0.0, time.perf_counter() - begun - busy_s)

    storage.store_event = clocked  # type: ignore[method-assign]
    try:
        yield waits
    finally:
        del storage.store_event
