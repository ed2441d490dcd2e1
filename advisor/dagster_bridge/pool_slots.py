"""Slots of Dagster's pools: set on a temporary instance, and timed on it."""

import time
from collections.abc import Mapping
from statistics import median

CLAIMS = 8
"""Claims that are timed: about 0.2 s on SQLite."""


def set_limits(instance_home: str, limits: Mapping[str, int]) -> None:
    """Give pools their slots, as ``dagster instance concurrency set`` does.

    For a temporary instance of ours, whose home names its folder.
    """
    from dagster import DagsterInstance

    with DagsterInstance.from_config(instance_home) as instance:
        for pool, slots in limits.items():
            instance.event_log_storage.set_concurrency_slots(pool, slots)


def measure_claim_s(instance_home: str) -> float:
    """Seconds to claim a free slot or to give it back: the mean of both's medians.

    Called in a fresh process, on a temporary instance of ours.
    """
    from dagster import DagsterInstance

    pool, run_id = "dynadvise", "calibration"
    claimed, freed = [], []
    with DagsterInstance.from_config(instance_home) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots(pool, 2)
        for number in range(CLAIMS):
            step = f"step_{number}"
            begun = time.perf_counter()
            storage.claim_concurrency_slot(pool, run_id, step)
            claimed.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            storage.free_concurrency_slot_for_step(run_id, step)
            freed.append(time.perf_counter() - begun)
        storage.delete_concurrency_limit(pool)
    return (median(claimed) + median(freed)) / 2
