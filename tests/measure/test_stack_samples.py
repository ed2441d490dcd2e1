"""Pins what is used of pyinstrument's internals: an upgrade that moves it fails here."""

from __future__ import annotations

import inspect
import time

from advisor.dagster_bridge.user_frames import Frame
from advisor.measure.ops.hotspots import StackSampler


def busy_until(deadline_s: float) -> None:
    while time.perf_counter() < deadline_s:
        sum(range(1000))


def test_a_busy_function_is_sampled_at_its_own_lines() -> None:
    sampler = StackSampler(interval_s=0.001)
    sampler.start(inspect.currentframe())
    busy_until(time.perf_counter() + 0.2)
    samples = sampler.stop()
    lines, first = inspect.getsourcelines(busy_until)
    inside = [
        sample
        for sample in samples
        for frame in sample.stack
        if frame.function == "busy_until" and frame.file == __file__
        if first < frame.line < first + len(lines)
    ]
    assert inside
    assert all(isinstance(frame, Frame) for sample in samples for frame in sample.stack)
    assert sum(sample.cpu_s for sample in inside) > 0
    assert "<html" in sampler.html().lower()
