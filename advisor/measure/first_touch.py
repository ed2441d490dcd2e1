"""What memory costs that was not used lately, beyond memory that was.

A virtual machine gets the pages that it does not use back from its host one by one; a page that was
used a moment ago costs a tenth of that or less. Calls that are timed one after another reuse the
same memory. A run that holds many values does not.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator

from advisor.domain.stopping import SLOW_TOUCH_BYTE_S, PartKind, Unknown
from advisor.measure.campaign import Campaign, Part, peak_bytes
from advisor.measure.tuning import MUCH_MEMORY_BYTES

MOST_BYTES = 1 << 30
"""Touched for this: enough that what happens to be in use lately does not decide."""

BLOCK_BYTES = 32 << 20
FIRST_TOUCH = Unknown(PartKind.FIRST_TOUCH)


def first_touch(campaign: Campaign) -> Iterator[Part]:
    """Worth its time where the values of a run, all together, are much memory."""
    samples = [sample for run in campaign.scouted.typical for sample in run.samples]
    moved_bytes = max(sample.input_bytes + sample.output_bytes for sample in samples)
    wanted_bytes = campaign.items * moved_bytes + peak_bytes(campaign.scouted)
    is_much = wanted_bytes >= MUCH_MEMORY_BYTES and hasattr(mmap, "MAP_POPULATE")
    if not is_much or campaign.attempts[FIRST_TOUCH]:
        return
    size_bytes = min(wanted_bytes, MOST_BYTES, campaign.children.memory_bytes // 4)

    def run() -> None:
        result = campaign.children.run("first_touch:extra_byte_s", size_bytes)
        if isinstance(result.value, float):
            campaign.first_touch_byte_s = result.value

    yield Part(FIRST_TOUCH.kind.value, FIRST_TOUCH, size_bytes * SLOW_TOUCH_BYTE_S, run)


def extra_byte_s(size_bytes: int) -> float:
    """Seconds a byte by which a first touch of so much memory is slower than a second one."""
    first_s, again_s = _touched_s(size_bytes), _touched_s(size_bytes)
    return max(0.0, first_s - again_s) / size_bytes


def _touched_s(size_bytes: int) -> float:
    """Seconds to get so much memory; it is held in blocks, and given back together."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    held: list[mmap.mmap] = []
    began_s = time.perf_counter()
    try:
        held += (
            mmap.mmap(-1, min(BLOCK_BYTES, size_bytes - done), flags=flags)
            for done in range(0, size_bytes, BLOCK_BYTES)
        )
        return time.perf_counter() - began_s
    finally:
        for block in held:
            block.close()
