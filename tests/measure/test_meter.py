"""What a busy machine adds to a call is left out of it, and nothing else."""

from __future__ import annotations

import os
import time

import psutil
import pytest

from advisor.measure.meter import Meter, delay_of


def test_a_call_that_only_computes_keeps_its_cpu_time():
    # it waited for a core between two readings of the clocks too: 81 ms, of which 80 in the call
    assert delay_of(wall_s=0.1, cpu_s=0.02, waited_s=0.081) == pytest.approx(0.08)


def test_a_call_that_sleeps_keeps_what_it_slept():
    assert delay_of(wall_s=0.1, cpu_s=0.02, waited_s=0.03) == pytest.approx(0.03)


def test_threads_of_the_call_that_delay_each_other_are_its_own():
    assert delay_of(wall_s=0.1, cpu_s=0.2, waited_s=0.05) == 0.0


def test_what_a_forked_child_shares_with_its_parent_is_counted_once():
    ballast, own = bytearray(b"x" * (300 << 20)), 60 << 20
    meter, before = Meter(), psutil.Process().memory_info().rss
    with meter.measuring() as reading:
        child = os.fork()
        if child == 0:
            filled = bytearray(b"y" * own)
            time.sleep(0.5)
            os._exit(len(filled) == 0)
        os.waitpid(child, 0)
    resident = reading.peak_rss_bytes
    assert before + own // 2 < resident < before + len(ballast)


def test_what_a_call_adds_is_told_from_what_was_there():
    held = bytearray(b"x" * (400 << 20))
    with Meter().measuring() as reading:
        added = bytearray(b"y" * (50 << 20))
    assert len(added) <= reading.grown_rss_bytes < len(held) < reading.peak_rss_bytes
