"""How fast the cores are while something runs: what the machine adds to a measurement by itself.

A core whose other hardware thread computes for another guest is nearly half as fast, and no figure
of the guest tells: not its load, not its steal time. So one fixed piece of Python is timed on each
core ten times a second, by its CPU seconds, in a process of its own; that takes 0.5 % of a core.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean, quantiles

PAUSE_S = 0.1
STEPS = 5_000
"""Of the fixed piece: a fraction of a millisecond."""

QUIET = 1.25
"""The cores are quiet while the fixed piece takes up to so many times its usual shortest time: then
no more than about a fifth of it ran at half the speed."""

INTERRUPTED = 4.0
"""A sample that took so many times the shortest was interrupted, and is not of the core's speed."""


@dataclass
class CoreSpeed:
    """CPU seconds of the fixed piece, one for each time it was run."""

    samples_s: list[float] = field(default_factory=list)

    @property
    def mean_s(self) -> float | None:
        """Their mean: the larger, the slower the cores; None where nothing was timed."""
        longest = INTERRUPTED * min(self.samples_s, default=0.0)
        kept = [seconds for seconds in self.samples_s if seconds <= longest]
        return fmean(kept) if kept else None


def quickest_s(seconds: float) -> float:
    """The fixed piece's time at the cores' full speed, as seen in so many seconds."""
    with watched() as speed:
        time.sleep(seconds)
    return quantiles(speed.samples_s, n=10)[0]


def wait_until_quiet(full_speed_s: float, most_s: float) -> bool:
    """Wait until the cores have had their full speed for a second; False: they had not in time."""
    begun = time.monotonic()
    while time.monotonic() - begun < most_s:
        with watched() as speed:
            time.sleep(1.0)
        if speed.mean_s is not None and speed.mean_s <= QUIET * full_speed_s:
            return True
    return False


@contextmanager
def watched() -> Iterator[CoreSpeed]:
    """Watch the cores during the block; what was seen is there when it has ended."""
    speed = CoreSpeed()
    with subprocess.Popen(
        [sys.executable, "-S", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as watcher:
        try:
            yield speed
        finally:
            told, _ = watcher.communicate()  # the end of its input ends it
            speed.samples_s += map(float, told.split())


def _piece() -> float:
    begun = time.thread_time()
    total = 0
    for step in range(STEPS):
        total += step
    return time.thread_time() - begun


def _watch() -> None:
    pins = hasattr(os, "sched_setaffinity")  # else wherever it is put
    cores = sorted(os.sched_getaffinity(0)) if pins else [0]
    samples: list[float] = []
    while not samples or not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        for core in cores:
            if pins:
                os.sched_setaffinity(0, {core})
            _piece()  # fills the caches again
            samples.append(_piece())
    sys.stdout.write("\n".join(map(repr, samples)))


if __name__ == "__main__":
    _watch()
