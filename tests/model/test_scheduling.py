"""List scheduling of items on workers, and of items in batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_overhead

from advisor.domain.candidate import Candidate
from advisor.model.batches import drawn_batch_seconds
from advisor.model.break_even import uniform_items
from advisor.model.contention import Contention
from advisor.model.event_loop import simulate_loop, taking_turns
from advisor.model.listing import dealt, in_batches
from advisor.model.scheduling import list_schedule
from advisor.model.setting import Machine, Setting
from advisor.model.simulations import Simulations


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


def test_batches_are_dealt_by_rounds_and_some_hold_an_item_less() -> None:
    batches = dealt(5, 2)
    assert sorted(batches[batches >= 0].tolist()) == [0, 1, 2, 3, 4]
    assert [set(batches[:, turn]) for turn in (0, 1)] == [{0, 1}, {2, 3}]
    durations = in_batches(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), batches)
    assert durations.sum() == 15.0
    assert list_schedule(in_batches(np.ones((1, 5)), dealt(5, 1)), 5).tolist() == [[1.0]]


def test_turns_bound_the_throughput_of_a_batch_not_its_last_item() -> None:
    def seconds(workers: int, cpu_share: float) -> list[list[float]]:
        setting = Setting(
            uniform_items(20, 1.0, cpu_share),
            Contention(1.0, cpu_share),
            make_overhead(),
            Machine(cores=4.0, memory_bytes=0),
        )
        way = Candidate("execute_job", "in_process", batch_size=20)
        way = replace(way, workers_in_op=workers, worker_kind="thread")
        simulations = Simulations(setting)
        return drawn_batch_seconds(way, simulations, simulations.reference[None]).tolist()

    # 16 threads on one interpreter lock: as long as one after another, not two rounds of 16.
    assert seconds(16, cpu_share=1.0) == [[20.0]]
    assert seconds(20, cpu_share=0.0) == [[1.0]]


@pytest.mark.parametrize(
    ("threads", "seconds"),
    [
        (10, 0.3 + 10 * 0.07),  # all wait, and then compute one after another
        (8, 0.3 + 8 * 0.07 + 0.3 + 2 * 0.07),  # like items stay in step: the last two wait again
        (1, 10 * 0.37),
    ],
)
def test_threads_wait_together_and_take_turns_at_the_lock(threads, seconds) -> None:
    found = simulate_loop([[taking_turns(0.37, 0.07)]] * 10, max_concurrent=threads)
    assert max(found) == pytest.approx(seconds)


def test_processes_take_turns_only_where_the_cores_are_too_few() -> None:
    items = [[taking_turns(1.0, 1.0)]] * 5
    assert max(simulate_loop(items, max_concurrent=2, at_once=2.0)) == pytest.approx(3.0)
    assert max(simulate_loop(items, max_concurrent=5, at_once=2.0)) == pytest.approx(2.5)


def test_what_all_wait_for_is_free_again_once_the_short_ones_have_it_behind_them() -> None:
    items = [[taking_turns(0.5, 0.0)], [taking_turns(1.0, 0.0)]]
    found = simulate_loop(items, max_concurrent=2, slows_waiting=float)
    assert found == pytest.approx([1.0, 1.5])
