"""List scheduling: which worker takes which item when each takes the next one as it is free."""

from __future__ import annotations

import numpy as np

from advisor.model.items import FloatArray

LONG = 1024
"""Above so many items greedy scheduling is within half a longest item of its lower bound."""


def list_schedule(durations_s: FloatArray, workers: int) -> FloatArray:
    """Makespan of greedy in-order scheduling on ``workers`` (Graham 1966).

    Args:
        durations_s: Shape (..., items), in the order in which they are taken.
        workers: At least 1.

    Returns:
        Makespans, shape (...).
    """
    items = durations_s.shape[-1]
    if items == 0:
        return np.zeros(durations_s.shape[:-1])
    if workers <= 1:
        return np.asarray(durations_s.sum(axis=-1))
    if workers >= items:
        return np.asarray(durations_s.max(axis=-1))
    if items > LONG:
        longest = durations_s.max(axis=-1)
        return np.asarray(durations_s.sum(axis=-1) / workers + 0.5 * longest * (1 - 1 / workers))
    flat = durations_s.reshape(-1, items)
    free = np.zeros((flat.shape[0], workers))
    rows = np.arange(flat.shape[0])
    for item in range(items):
        chosen = free.argmin(axis=1)
        free[rows, chosen] += flat[:, item]
    return np.asarray(free.max(axis=1).reshape(durations_s.shape[:-1]))


def batch_makespans(
    durations_s: FloatArray, batch_size: int, workers: int, slowdown: float = 1.0
) -> FloatArray:
    """Seconds of each batch of ``batch_size`` consecutive items on ``workers`` in a step.

    Args:
        durations_s: Items alone, shape (draws, items).
        batch_size: Items in a batch; the last one may be smaller.
        workers: Workers inside the step.
        slowdown: Of an item with all workers busy. It bounds the throughput, and so the batch
            as a whole; near its end fewer workers are busy and items run faster again.

    Returns:
        Shape (draws, batches).
    """
    draws, items = durations_s.shape
    batches = -(-items // batch_size)
    padded = np.zeros((draws, batches * batch_size))
    padded[:, :items] = durations_s
    grouped = padded.reshape(draws, batches, batch_size)
    scheduled = list_schedule(grouped, workers)
    if workers <= 1 or slowdown <= 1.0:
        return scheduled
    return np.asarray(np.maximum(scheduled, grouped.sum(axis=-1) * slowdown / workers))
