"""What memory costs that was not used lately, beyond memory that was.

A virtual machine that hands free memory back to its host (free page reporting) gets it again page
by page, at some 2 s per GB. It does so from two seconds on, some 700 MB every two seconds, in whole
huge pages: those that arrays and the system's cache of files take. A run that follows others does
not pay for it, one that comes after a pause does: calls are timed on memory that was just touched;
the difference is predicted.
"""

import contextlib
import mmap
import statistics
import time

BLOCK_BYTES = 32 << 20
MOST_BYTES = 4 << 30
"""Looked through for memory that was not used lately, ..."""
AVAILABLE_SHARE = 0.25
"""... of what the system has to give, ..."""
LOOKING_S = 0.6
"""... for so long: what was used lately is given first, and fast."""
SLOWER, FEWEST = 3.0, 4
"""Times as slow as memory used a moment before, and in how many blocks: it was not used lately,
in part at least. The slowest tenth of them tells: it was 75 ms a block whatever ran before."""
HUGE_BYTES = 4 << 20
"""From which numpy asks for huge pages."""

LOOK_AGAIN_S = 3.0
"""After which a part of what was used lately has been handed back."""

UNUSED_AFTER_S = 12.0
"""After which all of it has: getting 600 MB again took 0.09 s at once, 0.4 s after 3 s, 0.9 s after
8 s, and 1.3 s after 12 and 20 s; 2.5 GB took 0.5, 2.8, 4.2, 5.1 and 5.5 s."""


def pause_before_run_s(first_touch_byte_s: float) -> float:
    """So that a run finds memory as a run in production does, and not what the last one used."""
    return UNUSED_AFTER_S if first_touch_byte_s else 0.0


def touch_memory(size_bytes: int) -> None:
    """Use so much memory once, and give it back: who takes it in the next seconds gets it fast."""
    import psutil

    if size_bytes >= HUGE_BYTES:
        _touched_s(min(size_bytes, psutil.virtual_memory().available // 2), 0)


def first_touch_byte_s(_: object = None) -> float:
    """Seconds a byte by which memory that was not used lately is slower to get than other.

    Where others just used all that is looked through, it is looked at again after a pause.
    """
    return _price_s() or _price_s(LOOK_AGAIN_S)


def _price_s(pause_s: float = 0.0) -> float:
    """Seconds a byte; 0 where no memory was slow to get."""
    import psutil

    time.sleep(pause_s)
    available_bytes = int(AVAILABLE_SHARE * psutil.virtual_memory().available)
    blocks_s = _touched_s(0, min(MOST_BYTES, available_bytes))
    used_s = min(_touched_s(FEWEST * BLOCK_BYTES, 0), default=0.0)
    slow_s = [block_s for block_s in blocks_s if block_s > SLOWER * used_s]
    if len(slow_s) < FEWEST:
        return 0.0
    return (statistics.quantiles(slow_s, n=10)[-1] - used_s) / BLOCK_BYTES


def _touched_s(least_bytes: int, most_bytes: int) -> list[float]:
    """Seconds of each block, held until all are touched; none where the system has no such call."""
    huge = getattr(mmap, "MADV_HUGEPAGE", None)  # as numpy asks for its arrays
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    one_per_page = bytes(BLOCK_BYTES // mmap.PAGESIZE)
    seconds: list[float] = []
    with contextlib.ExitStack() as held, contextlib.suppress(OSError):
        began_s = time.perf_counter()
        while huge is not None and (
            len(seconds) * BLOCK_BYTES < least_bytes
            or (
                time.perf_counter() - began_s < LOOKING_S
                and len(seconds) * BLOCK_BYTES < most_bytes
            )
        ):
            block_s = time.perf_counter()
            block = held.enter_context(mmap.mmap(-1, BLOCK_BYTES, flags=flags))
            block.madvise(huge)
            block[:: mmap.PAGESIZE] = one_per_page
            seconds.append(time.perf_counter() - block_s)
    return seconds
