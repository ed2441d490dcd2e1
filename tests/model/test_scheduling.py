"""List scheduling of items on workers, and of items in batches."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.model.scheduling import batch_makespans, list_schedule


@pytest.mark.parametrize(
    ("durations", "workers", "makespan"),
    [
        ([1.0, 1.0, 1.0, 1.0], 1, 4.0),
        ([1.0, 1.0, 1.0, 1.0], 2, 2.0),
        ([1.0, 1.0, 1.0], 2, 2.0),
        ([3.0, 1.0, 1.0, 1.0], 2, 3.0),
        ([1.0, 1.0, 1.0, 3.0], 2, 4.0),
        ([2.0], 5, 2.0),
        ([], 3, 0.0),
    ],
)
def test_each_worker_takes_the_next_item_as_it_is_free(durations, workers, makespan) -> None:
    assert list_schedule(np.array(durations), workers) == pytest.approx(makespan)


def test_many_items_are_within_a_percent_of_the_exact_schedule() -> None:
    rng = np.random.default_rng(1)
    durations = rng.exponential(1.0, 1024)
    exact = float(list_schedule(durations, 16))
    longer = float(list_schedule(np.append(durations, 0.0), 16))
    assert longer == pytest.approx(exact, rel=0.06)


def test_batches_hold_consecutive_items_and_the_last_may_be_smaller() -> None:
    durations = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert batch_makespans(durations, 2, 1).tolist() == [[3.0, 7.0, 5.0]]
    assert batch_makespans(durations, 5, 5).tolist() == [[5.0]]


def test_a_slowdown_bounds_the_throughput_of_a_batch_not_its_last_item() -> None:
    durations = np.ones((1, 20))
    # 16 threads on one interpreter lock: as long as one after another, not two rounds of 16.
    assert batch_makespans(durations, 20, 16, slowdown=16.0).tolist() == [[20.0]]
    assert batch_makespans(durations, 20, 20, slowdown=1.0).tolist() == [[1.0]]
