"""List scheduling: which worker takes which item when each takes the next one as it is free."""

import numpy as np

from advisor.model.stage import FloatArray

FEW_STEPS, MANY_STEPS = 100, 400
"""Longer runs are simulated at these sizes, or somewhat above, and extrapolated; exact once the
slots are busy."""

LONG = 1024
"""Items at the end that are scheduled one by one; workers are as good as level before."""


def simulated_sizes(steps: int, slots: int) -> tuple[tuple[int, float], ...]:
    """Sizes to simulate for a run of so many steps, each with its weight in the sum.

    Long runs are extrapolated from two shorter ones that are whole waves of the slots apart.
    """
    waves = (steps - FEW_STEPS) // slots
    if steps <= 2 * MANY_STEPS or waves < 2:
        return ((steps, 1.0),)
    few = steps - waves * slots
    many = steps - min((steps - MANY_STEPS) // slots, waves - 1) * slots
    further = (steps - many) / (many - few)
    return ((few, -further), (many, 1.0 + further))


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
    flat = durations_s.reshape(-1, items)
    before = max(0, items - max(LONG, 4 * workers))
    free = np.repeat(flat[:, :before].sum(axis=1, keepdims=True) / workers, workers, axis=1)
    rows = np.arange(flat.shape[0])
    for item in range(before, items):
        chosen = free.argmin(axis=1)
        free[rows, chosen] += flat[:, item]
    return np.asarray(free.max(axis=1).reshape(durations_s.shape[:-1]))
