"""What a busy machine adds to a call is left out of it, and nothing else."""

from __future__ import annotations

import pytest

from advisor.measure.meter import delay_of


def test_a_call_that_only_computes_keeps_its_cpu_time():
    # it waited for a core between two readings of the clocks too: 81 ms, of which 80 in the call
    assert delay_of(wall_s=0.1, cpu_s=0.02, waited_s=0.081) == pytest.approx(0.08)


def test_a_call_that_sleeps_keeps_what_it_slept():
    assert delay_of(wall_s=0.1, cpu_s=0.02, waited_s=0.03) == pytest.approx(0.03)


def test_threads_of_the_call_that_delay_each_other_are_its_own():
    assert delay_of(wall_s=0.1, cpu_s=0.2, waited_s=0.05) == 0.0
