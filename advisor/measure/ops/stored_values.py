"""One value of many items, as the fan-out yields it to a batch and as a batch gives it.

What that costs to store and to load is measured at such a size through the job's own IO manager,
with the memory that it takes: a file system streams what another storage copies first.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING

from advisor.dagster_bridge.user_frames import type_in_words
from advisor.domain.workload import MappedOp, StoredValue
from advisor.measure.meter import Meter
from advisor.measure.ops.drawn import PICKLE_PROTOCOL, pickled_bytes
from advisor.measure.supervisor import unwatch, watch

if TYPE_CHECKING:
    from advisor.measure.ops.session import Session

MOST_S = 1.5
"""To spend on one value at most; a larger batch is extrapolated."""
MOST_ITEMS = 1_000
MEMORY_SHARE = 0.08
"""Of the memory that is free, for one value: it is there as objects, pickled, and once more."""


def stored_values(
    opened: Session, op: MappedOp, outputs: Mapping[str, object], count: int
) -> tuple[StoredValue, ...]:
    """An item's value and one of up to ``count`` items, stored and loaded; empty where neither was.

    Args:
        count: Items of the largest value that a run may store.
    """
    times = opened.io_times
    if not times.measured(op):
        return ()
    value_bytes, reason = pickled_bytes(outputs)
    store_s, load_s = times.mean(op)
    wait_s = (store_s + load_s) * times.wait_share(op)
    single = StoredValue(1, value_bytes, store_s, load_s, wait_s)
    items = _items_in_one(count, value_bytes, store_s + load_s)
    if items < 2 or reason is not None or len(outputs) != 1:
        return (single,)
    return single, _value_of(opened, op, outputs, items)


def _items_in_one(count: int, value_bytes: int, each_s: float) -> int:
    import psutil

    room_bytes = int(MEMORY_SHARE * psutil.virtual_memory().available)
    most = min(count, MOST_ITEMS, room_bytes // max(1, value_bytes))
    return min(most, int(MOST_S / max(each_s, 1e-6)))


def _value_of(
    opened: Session, op: MappedOp, outputs: Mapping[str, object], items: int
) -> StoredValue:
    """A list of so many copies, as the code for batches hands it on."""
    ((name, value),) = outputs.items()
    pickled = pickle.dumps(value, protocol=PICKLE_PROTOCOL)
    copies = [pickle.loads(pickled) for _ in range(items)]  # noqa: S301 - our own
    value_bytes = items * len(pickled)
    del pickled
    values, meter = opened.invocation.values, Meter()
    watch(f"storing one value of {items} items of op {op.name!r}", None)
    try:
        with opened.io_times.timing(op, value_bytes) as spent:
            with meter.measuring() as storing:
                values.store(op, {name: copies}, -1)
            del copies
            with meter.measuring() as loading:
                values.load(op, -1, [name])
    except Exception as error:  # noqa: BLE001 - what an IO manager raises that takes no lists
        return StoredValue(items, value_bytes, failed=type_in_words(error))
    finally:
        unwatch()
    return StoredValue(
        items,
        value_bytes,
        spent["handle_output"],
        spent["load_input"],
        spent["waiting"],
        storing.grown_rss_bytes,
        max(0, loading.grown_rss_bytes - value_bytes),
    )
