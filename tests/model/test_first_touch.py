"""Large values pay for the memory that a run touches for the first time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.domain.candidate import Candidate
from advisor.model.first_touch import first_touch_s
from advisor.model.prediction import Predictor
from advisor.model.setting import Setting
from advisor.model.stage import ExtraCost
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


def makespan_s(way: Candidate, setting: Setting) -> float:
    return Predictor(setting).estimate(way).makespan_s


def test_one_batch_of_large_values_is_not_faster_than_one_step_each():
    # real: one step each 2.3 s, one batch of all 3.3 s, though it has nine steps fewer
    assert makespan_s(BATCH, ARRAYS) > makespan_s(IN_PROCESS, ARRAYS)
    free = setting(32 * MB, 96 * MB, 10)
    assert makespan_s(BATCH, free) < makespan_s(IN_PROCESS, free)


def test_files_and_the_memory_beyond_a_call_are_priced():
    paid = with_first_calls(ARRAYS, SLOW * 64 * MB)
    files, held_for_collect = 640 * MB, (10 + 1) * 32 * MB - 96 * MB
    assert first_touch_s(IN_PROCESS, paid) == pytest.approx(SLOW * (files + held_for_collect))
    assert first_touch_s(IN_MEMORY, paid) == pytest.approx(SLOW * (640 - 64) * MB)


def with_first_calls(setting: Setting, extra_s: float) -> Setting:
    (stage,) = setting.items.stages
    paid = ExtraCost(cpu_s=extra_s)
    stages = (replace(stage, first=paid, preloaded=paid),)
    return replace(setting, items=replace(setting.items, stages=stages))


def test_processes_that_run_together_each_touch_a_calls_memory():
    """Six items of 1.5 GB in parallel were predicted as if one had warmed it for all."""
    much = of(10, 1500 * MB, 6)
    touched_s = SLOW * 1500 * MB
    for way, calls in (
        (IN_PROCESS, 1),
        (replace(WARM_8, max_concurrent=2), 2),
        (WARM_8, 6),
        (replace(IN_PROCESS, batch_size=6, workers_in_op=4, worker_kind="process"), 4),
        (replace(IN_PROCESS, batch_size=6, workers_in_op=6, worker_kind="thread"), 6),
    ):
        assert first_touch_s(way, much) == pytest.approx(calls * touched_s, rel=0.01), way.label


def test_what_first_calls_pay_is_not_paid_again():
    much = with_first_calls(of(10, 1500 * MB, 6), SLOW * 1500 * MB)
    assert first_touch_s(IN_PROCESS, much) < 1e-5
    assert first_touch_s(WARM_8, much) < 1e-5  # each of its processes makes a first call
    threads = replace(IN_PROCESS, batch_size=6, workers_in_op=6, worker_kind="thread")
    assert first_touch_s(threads, much) == pytest.approx(SLOW * 5 * 1500 * MB, rel=0.01)


def test_what_imports_left_in_a_process_is_not_paid_for_each_thread():
    waiting = setting(10, 200 * MB, 64, first_touch_byte_s=SLOW, grown_rss_bytes=0)
    threads = replace(IN_PROCESS, batch_size=64, workers_in_op=64, worker_kind="thread")
    assert first_touch_s(threads, waiting) < 1e-4


def test_the_interval_holds_a_run_whose_memory_was_used_lately_and_one_whose_was_not():
    predictor = Predictor(ARRAYS)
    found = predictor.predict(BATCH).makespan_s
    touch_s = first_touch_s(BATCH, ARRAYS)
    assert found.low < found.median - 0.8 * touch_s
    assert found.high > found.median + 0.8 * touch_s
