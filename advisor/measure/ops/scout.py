"""Children that call the chain: the first one, which draws the items, and further calls."""

import math
import pickle
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence

from advisor.dagster_bridge.user_frames import type_in_words
from advisor.domain.quantities import percent
from advisor.domain.workload import MappedOp, StoredValue
from advisor.measure.loading import ImportRecorder, ImportWatch, may_fork
from advisor.measure.meter import Meter
from advisor.measure.ops.drawn import PICKLE_PROTOCOL, pickled_bytes
from advisor.measure.ops.orders import MOST_CALLS, Called, CallsOrder, ChainRun, Scouted, ScoutOrder
from advisor.measure.ops.session import Session, failure_in_words, session
from advisor.measure.supervisor import unwatch, watch
from advisor.measure.tuning import BELIEVED_SD, CHEAP_S

_SHORT_S = 3.0  # items are run more than once only while all of it takes no longer than this
_BUSY_SHARE = 0.05  # of the time, waiting for a core, above which the user should know
_LONGER, _LONGER_S = 1.5, 0.1  # than any later call: the first one may be of a longer item
_COLLECT_BYTES = 256 << 20  # outputs kept for the collecting op
MOST_S = 1.5
"""To spend on one value at most; a larger batch is extrapolated."""
MOST_ITEMS = 1_000
MEMORY_SHARE = 0.08
"""Of the memory that is free, for one value: it is there as objects, pickled, and once more."""


def scout(order: ScoutOrder) -> Scouted:
    """Draw the items, take the first call with its imports, then later calls in random order."""
    began = time.perf_counter()
    notes: list[str] = []
    held = ImportWatch()
    with session(order.assignment) as opened:
        start_s = time.perf_counter() - began
        forkable = may_fork() and held.refusal() is None
        count = len(opened.drawn.positions)
        meter = Meter()
        recorder = ImportRecorder()
        first_item = count // 2
        first, value = opened.measure_chain(first_item, meter, recorder)
        outputs = {first_item: value}
        later: list[ChainRun] = []
        ran, repeatable = {first_item}, not order.each_once
        kept_bytes = first.output_bytes
        for item in _later_items(order, count, first_item):
            spent = sum(run.wall_s for run in later)
            again = any(run.item == item for run in later)
            if not _goes_on(order, began, later, first, again=again, spent_s=spent):
                if not _may_be_longer(order, began, first, later):
                    break
                item = first_item  # noqa: PLW2901 - in its place
            try:
                run, value = opened.measure_chain(item, meter)
            except Exception as error:
                if item not in ran:
                    raise
                repeatable = False
                notes.append(f"Items cannot be run twice: {failure_in_words(error)}")
                break
            ran.add(item)
            later.append(run)
            kept_bytes += run.output_bytes
            if order.collect and kept_bytes < _COLLECT_BYTES:
                outputs[item] = value
        collect_s = None
        if order.collect:
            collect_s, note = _collect(opened, [outputs[item] for item in sorted(outputs)])
            notes += [note] if note else []
        yielded, collected = _stored(opened, value)
        return Scouted(
            drawn=opened.drawn,
            first=first,
            later=tuple(later),
            imported=recorder.roots(),
            resource_init=opened.resource_init,
            base_rss_bytes=opened.base_rss_bytes,
            start_s=start_s,
            collect_s=collect_s,
            collect_items=len(outputs) if collect_s is not None else 0,
            executions=opened.executions,
            repeatable=repeatable,
            forkable=forkable,
            notes=(*opened.notes, *notes, *_busy_notes(opened)),
            yielded=yielded,
            collected=collected,
        )


def _busy_notes(opened: Session) -> Iterator[str]:
    busy = opened.delayed_s / max(opened.measured_s, 1e-9)
    if busy > _BUSY_SHARE:
        yield (
            f"This machine was busy with other work: the calls waited {percent(busy)} of their "
            "time for a core, which has been left out of them."
        )


def _stored(
    opened: Session, value: object
) -> tuple[tuple[StoredValue, ...], tuple[StoredValue, ...]]:
    """What the fan-out hands on and what the last op gave, alone and as one value of many."""
    first, last, fan_out = opened.chain[0], opened.chain[-1], opened.fan_out
    count = opened.drawn.total
    yielded: tuple[StoredValue, ...] = ()
    if fan_out is not None and first.item_input is not None:
        item = {fan_out.outputs[0]: opened.inputs.of(0)[first.item_input]}
        yielded = stored_values(opened, fan_out, item, count)
    outputs = {last.outputs[0]: value} if len(last.outputs) == 1 else {}
    return yielded, stored_values(opened, last, outputs, count)


def _later_items(order: ScoutOrder, count: int, first_item: int) -> Iterator[int]:
    """Items for later calls: all in random order, the first one last; again while that is cheap."""
    shuffled = random.Random(order.seed)  # noqa: S311 - an order, not a secret
    others = [item for item in range(count) if item != first_item]
    shuffled.shuffle(others)
    if order.each_once:
        yield from others[min(order.reserved, len(others) // 2) :]
        return
    yield from others
    everything = [*others, first_item]
    yield first_item
    for _ in range(MOST_CALLS):
        shuffled.shuffle(everything)
        yield from everything


def _goes_on(
    order: ScoutOrder,
    began: float,
    later: list[ChainRun],
    first: ChainRun,
    *,
    again: bool,
    spent_s: float,
) -> bool:
    """Whether one more later call is worth its time."""
    next_s = statistics.median(run.wall_s for run in later) if later else first.wall_s
    if time.perf_counter() - began + next_s > order.most_s:
        return False
    if not later:
        return True
    if len(later) >= MOST_CALLS or spent_s + next_s > order.later_s:
        return False
    if spent_s > CHEAP_S and _standard_error(later) <= order.steady_se:
        return False
    return not again or spent_s + next_s <= _SHORT_S


def _may_be_longer(order: ScoutOrder, began: float, first: ChainRun, later: list[ChainRun]) -> bool:
    """Whether nobody knows if the first call or its item took so long, and a repeat would tell."""
    if order.each_once or not later or any(run.item == first.item for run in later):
        return False
    if time.perf_counter() - began + first.wall_s > order.most_s:
        return False
    longest_s = max(run.wall_s for run in later)
    return first.wall_s > max(_LONGER * longest_s, longest_s + _LONGER_S)


def _standard_error(runs: Sequence[ChainRun]) -> float:
    """Of the mean of log item seconds, with what is believed of their spread as one more."""
    logs = [math.log(max(run.wall_s, 1e-6)) for run in runs]
    return math.sqrt((BELIEVED_SD**2 / len(logs) + statistics.pvariance(logs)) / len(logs))


def _collect(opened: Session, outputs: list[object]) -> tuple[float | None, str | None]:
    """Seconds of the collecting ops on the sampled outputs; None and why where unmeasured."""
    collects = opened.assignment.description.collects
    if not collects:
        return None, None
    total_s = 0.0
    for reference in collects:
        definition = opened.loaded.ops.get(reference.handle)
        names = [] if definition is None else list(definition.ins)
        if len(names) != 1:
            return None, f"op {reference.name!r} was not timed: it has {len(names)} inputs"
        watch(f"op {reference.name!r}", opened.assignment.item_timeout_s)
        try:
            prepared = opened.invocation.prepare(reference, {names[0]: outputs})
            started = time.perf_counter()
            prepared.run()
        except Exception as error:  # noqa: BLE001 - a collect may want all items; it is only a note
            unwatch()
            words = failure_in_words(error)
            return None, f"op {reference.name!r} was not timed on the sampled outputs ({words})"
        total_s += max(0.0, time.perf_counter() - started - opened.empty_call_s)
        unwatch()
    return total_s, None


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


def calls(order: CallsOrder) -> Called:
    """Call the items one after another, in this fresh process."""
    with session(order.assignment, drawn=order.drawn, preload=order.preload) as opened:
        meter = Meter()
        if order.warm_up:
            opened.call_chain(order.items[0])
        runs: list[ChainRun] = []
        spent_s = 0.0
        for item in order.items:
            if spent_s > order.most_s:
                break
            runs.append(opened.measure_chain(item, meter)[0])
            spent_s += runs[-1].wall_s
        return Called(tuple(runs), opened.resource_init, opened.base_rss_bytes, opened.executions)
