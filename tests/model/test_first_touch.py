"""Items that take much memory pay for touching it for the first time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.model.memory import first_touch_s
from advisor.model.prediction import Predictor
from advisor.model.setting import Setting
from tests.model.test_memory import IN_MEMORY, IN_PROCESS, MB, WARM_8, setting

SLOW = 2e-9
"""Seconds a byte, as on a virtual machine that gives free memory back to its host."""


def of(value_bytes: int, peak_bytes: int, items: int) -> Setting:
    grown_bytes = peak_bytes - value_bytes  # the input was there before the call
    return setting(
        value_bytes, peak_bytes, items, first_touch_byte_s=SLOW, grown_rss_bytes=grown_bytes
    )


ARRAYS = of(32 * MB, 96 * MB, 10)
"""Ten arrays of 32 MB, in and out."""
BATCH = replace(IN_PROCESS, batch_size=10)


def test_files_are_priced_and_what_is_handed_on_in_memory_is_not():
    """Real: storing 640 MB took 1.2 s more after a pause than without one, loading no more."""
    for way in (BATCH, IN_PROCESS):
        assert first_touch_s(way, ARRAYS) == pytest.approx(SLOW * (640 + 64) * MB), way.label
    assert first_touch_s(IN_MEMORY, ARRAYS) == pytest.approx(SLOW * 64 * MB)
    two = replace(WARM_8, max_concurrent=2)
    assert first_touch_s(two, ARRAYS) == pytest.approx(SLOW * (320 + 160 + 64) * MB)


def test_processes_that_run_together_each_touch_a_calls_memory():
    """Six items of 1.5 GB in parallel were predicted as if one had warmed it for all."""
    much = of(10, 1500 * MB, 6)
    touched_s = SLOW * 1500 * MB
    for way, calls_per_core in (
        (IN_PROCESS, 1),
        (replace(WARM_8, max_concurrent=2), 1),
        (WARM_8, 3),
        (replace(IN_PROCESS, batch_size=6, workers_in_op=4, worker_kind="process"), 2),
        (replace(IN_PROCESS, batch_size=6, workers_in_op=6, worker_kind="thread"), 3),
    ):
        expected = pytest.approx(calls_per_core * touched_s, rel=0.01)
        assert first_touch_s(way, much) == expected, way.label


def test_what_imports_left_in_a_process_is_not_paid_for_each_thread():
    waiting = setting(10, 200 * MB, 64, first_touch_byte_s=SLOW, grown_rss_bytes=0)
    threads = replace(IN_PROCESS, batch_size=64, workers_in_op=64, worker_kind="thread")
    assert first_touch_s(threads, waiting) < 1e-4


def test_the_interval_holds_a_run_of_which_all_the_memory_was_used_lately():
    much = of(10, 1500 * MB, 6)
    found = Predictor(much).predict(BATCH).makespan_s
    touch_s = first_touch_s(BATCH, much)
    assert found.low < found.median - 0.85 * touch_s
    assert found.high > found.median + 0.35 * touch_s
