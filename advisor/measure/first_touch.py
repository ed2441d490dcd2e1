"""What memory costs that was not used lately, beyond memory that was.

A virtual machine that hands free memory back to its host (free page reporting) gets it again page
by page, three times slower or more. A run that follows others does not pay for it, one that comes
after a pause does: what is timed here comes right after a touch, and the difference is predicted.
"""

from __future__ import annotations

import contextlib
import mmap
import statistics
import time

BLOCK_BYTES = 32 << 20
MOST_BYTES = 4 << 30
"""Looked through for memory that was not used lately, ..."""
AVAILABLE_SHARE = 0.25
"""... of what the system has to give, ..."""
LOOKING_S = 1.5
"""... for so long: what was used lately is given first, and fast."""
SLOW_SHARE = 0.25
"""Of the blocks, the slowest: they were not used lately, where any was not."""


def touch_memory(size_bytes: int) -> float:
    """Use so much memory once, given back at once; what `first_touch_byte_s` gives, of it alone."""
    return _slower_byte_s(_touched_s(size_bytes, size_bytes))


def first_touch_byte_s(_: object = None) -> float:
    """Seconds a byte by which memory that was not used lately is slower to get than other."""
    import psutil

    available_bytes = int(AVAILABLE_SHARE * psutil.virtual_memory().available)
    return _slower_byte_s(_touched_s(0, min(MOST_BYTES, available_bytes)))


def _slower_byte_s(blocks_s: list[float]) -> float:
    if not blocks_s:
        return 0.0
    slowest = sorted(blocks_s)[-max(1, round(SLOW_SHARE * len(blocks_s))) :]
    again_s = _touched_s(BLOCK_BYTES * len(slowest), 0)
    extra_s = statistics.fmean(slowest) - statistics.median(again_s or slowest)
    return max(0.0, extra_s) / BLOCK_BYTES


def _touched_s(least_bytes: int, most_bytes: int) -> list[float]:
    """Seconds of each block, held until all are touched; none where the system has no such call."""
    populate = getattr(mmap, "MAP_POPULATE", 0)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | populate
    seconds: list[float] = []
    with contextlib.ExitStack() as held, contextlib.suppress(OSError):
        began_s = time.perf_counter()
        while populate and (
            len(seconds) * BLOCK_BYTES < least_bytes
            or (
                time.perf_counter() - began_s < LOOKING_S
                and len(seconds) * BLOCK_BYTES < most_bytes
            )
        ):
            block_s = time.perf_counter()
            held.enter_context(mmap.mmap(-1, BLOCK_BYTES, flags=flags))
            seconds.append(time.perf_counter() - block_s)
    return seconds
