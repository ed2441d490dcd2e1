"""Values through the IO manager: what the fan-out yields, what batches give, what is collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.workload import StoredValue

RETAINED_BYTES = 64 << 20
"""What an allocator may keep of earlier calls, so that a later one is not seen to take it: twice
the largest threshold of glibc's malloc (mallopt(3), M_MMAP_THRESHOLD)."""

SEEN_BYTES = 8 << 20
"""A value of so many bytes or more shows in a process's memory what storing it takes."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Seconds to store and to load a value of one item, and what each further item in it adds.

    ``wait_share`` of them waits.
    """

    store_s: float
    load_s: float
    store_more_s: float
    load_more_s: float
    wait_share: float = 0.0

    def stored_s(self, steps: int, items: int) -> float:
        """Storing all ``items`` in ``steps`` values."""
        return steps * self.store_s + (items - steps) * self.store_more_s

    def loaded_s(self, steps: int, items: int) -> float:
        """Loading them."""
        return steps * self.load_s + (items - steps) * self.load_more_s

    def on(self, speed: float) -> Transfer:
        """The same where a thread computes at this share of its speed."""
        pace = (1.0 - self.wait_share) / speed + self.wait_share
        return Transfer(
            self.store_s * pace,
            self.load_s * pace,
            self.store_more_s * pace,
            self.load_more_s * pace,
            self.wait_share / pace,
        )


def transfer_of(values: Sequence[StoredValue]) -> Transfer | None:
    """What was measured of values of one item and of many; None where nothing was."""
    good = [value for value in values if value.failed is None]
    if not good:
        return None
    one, many = good[0], good[-1]
    more = many.items - one.items
    # a copied item may be larger or smaller than those whose mean the single value is
    likeness = one.value_bytes * many.items / many.value_bytes if many.value_bytes else 1.0

    def further_s(single_s: float, whole_s: float) -> float:
        return max(0.0, whole_s * likeness - single_s) / more if more else single_s

    seconds = sum(value.store_s + value.load_s for value in good)
    return Transfer(
        one.store_s,
        one.load_s,
        further_s(one.store_s, many.store_s),
        further_s(one.load_s, many.load_s),
        min(1.0, sum(value.wait_s for value in good) / seconds) if seconds > 0 else 0.0,
    )


def copies_of(values: Sequence[StoredValue]) -> tuple[float, float]:
    """Copies of a value that are there beside it while it is stored, and while it is loaded.

    One each, but where a value was so large that fewer or more were seen.
    """
    large = [v for v in values if v.failed is None and v.value_bytes >= SEEN_BYTES and v.items > 1]

    def copies(taken_bytes: int, value_bytes: int) -> float:
        least, most = taken_bytes, taken_bytes + RETAINED_BYTES
        return max(least / value_bytes, min(1.0, most / value_bytes))

    return (
        max((copies(value.storing_bytes, value.value_bytes) for value in large), default=1.0),
        max((copies(value.loading_bytes, value.value_bytes) for value in large), default=1.0),
    )


def refusal_of(values: Sequence[StoredValue]) -> str | None:
    """How storing a batch's value failed; None where it can be stored."""
    return next((value.failed for value in values if value.failed and value.items > 1), None)
