"""Code that runs inside a child: load the target, draw the items, and time the user's ops.

Nothing here is called in dynadvise's own process; see `advisor.measure.child`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.dagster_bridge.user_frames import frames_of, in_words, text_of
from advisor.dagster_bridge.user_path import loading_user_code
from advisor.domain.quantities import percent
from advisor.domain.workload import ItemSample, MappedOp, WorkloadDescription
from advisor.measure.error_records import ErrorRecords, error_records
from advisor.measure.imports import ImportRecorder, ImportWatch, task_count
from advisor.measure.meter import Meter, own_cpu_s, resident_bytes
from advisor.measure.results import Parts, parts_of
from advisor.measure.supervisor import show_text, unwatch, watch

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation
    from advisor.dagster_bridge.target import LoadedTarget

PICKLE_PROTOCOL = 4
"""Dagster's (``dagster._utils.PICKLE_PROTOCOL``); a test holds them together."""

_SHORT_S = 3.0  # items are run more than once only while all of it takes no longer than this
MOST_CALLS = 120
_STORED_ITEMS = 16  # of which storing and loading is timed; enough for a median
_BUSY_SHARE = 0.05  # of the time, waiting for a core, above which the user should know
_COLLECT_BYTES = 256 << 20  # outputs kept for the collecting op


@dataclass(frozen=True, slots=True)
class Assignment:
    """What every child of one measurement is told.

    Attributes:
        workspace: Folder of this measurement, where the items lie once they are drawn.
        inputs: ``--inputs``; None where the job itself yields the items.
        samples: Most items to keep.
        item_timeout_s: Seconds after which one call of an op counts as hung.
        setup, teardown: ``module:callable`` around the measured calls.
        own_files_only: Whether no IO manager of the project's own stores the outputs.
    """

    description: WorkloadDescription
    run_config: Mapping[str, object] | None
    workspace: str
    inputs: str | None
    samples: int
    item_timeout_s: float
    setup: str | None = None
    teardown: str | None = None
    own_files_only: bool = False


@dataclass(frozen=True, slots=True)
class DrawnItems:
    """What is known of the sampled items; the items themselves lie in the workspace.

    ``positions`` are their places among all ``total`` items. ``unpicklable`` is the reason why
    they do not lie there; every child then draws them anew.
    """

    total: int
    positions: tuple[int, ...]
    keys: tuple[str | None, ...]
    fan_out_s: float | None
    upstream_s: float
    unpicklable: str | None = None


@dataclass(frozen=True, slots=True)
class ChainRun:
    """One run of the whole chain on one item: a sample an op, in order, and what it gave."""

    item: int
    samples: tuple[ItemSample, ...]
    unpicklable: tuple[str | None, ...] = ()
    result: Parts = field(default_factory=dict)

    @property
    def wall_s(self) -> float:
        """Seconds of all calls of the chain."""
        return sum(sample.wall_s for sample in self.samples)


@dataclass(frozen=True, slots=True)
class ResourceInit:
    """Starting the resources of the mapped ops, once."""

    wall_s: float
    cpu_s: float


@dataclass
class Session:
    """A loaded target whose resources are started: ready to call its mapped ops."""

    assignment: Assignment
    loaded: LoadedTarget
    invocation: Invocation
    drawn: DrawnItems
    resource_init: ResourceInit
    base_rss_bytes: int
    held: list[dict[str, object]] = field(default_factory=list)  # where they cannot be pickled
    fixed: dict[str, dict[str, object]] = field(default_factory=dict)
    executions: int = 0
    errors: ErrorRecords = field(default_factory=ErrorRecords)
    notes: dict[str, None] = field(default_factory=dict)
    delayed_s: float = 0.0
    measured_s: float = 0.0
    stored: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)
    not_stored: set[str] = field(default_factory=set)
    quiet: bool = False  # whether calls are not announced one by one

    @cached_property
    def empty_call_s(self) -> float:
        """What calling an op charges beside its own work; sessions that time no call never ask."""
        return self.invocation.empty_call_s()

    @property
    def chain(self) -> tuple[MappedOp, ...]:
        """The mapped ops, in order."""
        return self.assignment.description.mapped

    def item_inputs(self, item: int) -> dict[str, object]:
        """Inputs of one item, read as a step would read them."""
        if self.held:
            return dict(self.held[item])
        content = _item_path(self.assignment.workspace, item).read_bytes()
        inputs = pickle.loads(content)  # noqa: S301 - written by our own child
        assert isinstance(inputs, dict)
        return inputs

    def label(self, op: MappedOp, item: int) -> str:
        """How messages name a call."""
        return f"op {op.name!r} on item {self.drawn.positions[item]}"

    def _watch(self, op: MappedOp, item: int) -> None:
        watch(self.label(op, item), self.assignment.item_timeout_s, self.drawn.keys[item])

    def call(self, op: MappedOp, inputs: Mapping[str, object], item: int) -> dict[str, object]:
        """Call one op, unmeasured, watched for a hang."""
        self.executions += 1
        if self.quiet:
            return self.invocation.call(op, inputs, self.drawn.keys[item])
        self._watch(op, item)
        outputs = self.invocation.call(op, inputs, self.drawn.keys[item])
        unwatch()
        return outputs

    def call_chain(self, item: int) -> object:
        """Run the whole chain on an item, unmeasured; what the last op gave."""
        results: dict[str, Mapping[str, object]] = {}
        for op in self.chain:
            results[op.handle] = self.call(op, self.inputs_of(op, item, results), item)
        return _given(results[self.chain[-1].handle])

    def inputs_of(
        self, op: MappedOp, item: int, results: Mapping[str, Mapping[str, object]]
    ) -> dict[str, object]:
        """All inputs of an op for an item, given what the chain's earlier ops returned."""
        from advisor.dagster_bridge.invocation import item_inputs

        needs_item = any(source not in results for source, _ in op.sources.values())
        own = self.item_inputs(item) if needs_item or not op.sources else {}
        return item_inputs(op, own, results, self.fixed)

    def measure_chain(
        self, item: int, meter: Meter, recorder: ImportRecorder | None = None
    ) -> tuple[ChainRun, object]:
        """Run the chain on an item and measure each of its calls."""
        from advisor.dagster_bridge.awaiting import held_s

        samples: list[ItemSample] = []
        reasons: list[str | None] = []
        results: dict[str, Mapping[str, object]] = {}
        key = self.drawn.keys[item]
        recording = recorder.recording if recorder else contextlib.nullcontext
        empty_call_s = self.empty_call_s  # before the first call, which would pay for its imports
        for place, op in enumerate(self.chain):
            started = time.perf_counter()
            with recording():
                inputs = self.inputs_of(op, item, results)
            load_s = time.perf_counter() - started
            if place > 0 and reasons[-1] is None:
                load_s += self._stored(self.chain[place - 1], item)[1]
            prepared = self.invocation.prepare(op, inputs, key)
            self.executions += 1
            self._watch(op, item)
            held_s()
            errors_before = self.errors.count
            with recording(), meter.measuring() as reading:
                outputs = prepared.run()
            unwatch()
            self.delayed_s += reading.delayed_s
            self.measured_s += reading.wall_s + reading.delayed_s
            output_bytes, reason = _pickled_bytes(outputs)
            if reason is None:
                self._store(op, outputs, item, loaded=place + 1 < len(self.chain))
            samples.append(
                ItemSample(
                    item=item,
                    key=None,  # it may tell whose data it is, and the profile is committed
                    wall_s=max(0.0, reading.wall_s - empty_call_s),
                    cpu_s=max(0.0, reading.cpu_s - empty_call_s),
                    peak_rss_bytes=max(0, reading.peak_rss_bytes - self.base_rss_bytes),
                    input_bytes=_pickled_bytes(inputs)[0],
                    output_bytes=output_bytes,
                    load_s=load_s,
                    store_s=0.0 if reason else self._stored(op, item)[0],
                    connections=reading.connections,
                    loop_s=held_s(),
                    errors_logged=self.errors.count - errors_before,
                )
            )
            reasons.append(reason)
            results[op.handle] = outputs
        value = next_value(self.chain[-1], results)
        given = parts_of(_given(results[self.chain[-1].handle]))
        return ChainRun(item, tuple(samples), tuple(reasons), given), value

    def _stored(self, op: MappedOp, item: int) -> tuple[float, float]:
        """Seconds to store and to load an item's outputs, or the median of those measured."""
        known = self.stored.get(op.handle, {})
        if item in known:
            return known[item]
        if not known:
            return 0.0, 0.0
        stores, loads = zip(*known.values(), strict=True)
        return statistics.median(stores), statistics.median(loads)

    def _store(
        self, op: MappedOp, outputs: Mapping[str, object], item: int, *, loaded: bool
    ) -> None:
        """Time the op's own IO manager on the outputs, of a few items."""
        from advisor.dagster_bridge.invocation import CannotStoreError

        known = self.stored.setdefault(op.handle, {})
        if item in known or len(known) >= _STORED_ITEMS or op.handle in self.not_stored:
            return
        try:
            with _timed_io(self.invocation, op) as spent:
                self.invocation.store(op, outputs, item)
                if loaded:
                    self.invocation.load(op, item)
        except Exception as error:  # noqa: BLE001 - what an IO manager raises outside of a run
            told = error.what if isinstance(error, CannotStoreError) else failure_in_words(error)
            self.not_stored.add(op.handle)
            self.notes[f"Storing was not measured: {told}"] = None
        else:
            known[item] = spent["handle_output"], spent["load_input"]


@contextlib.contextmanager
def _timed_io(invocation: Invocation, op: MappedOp) -> Iterator[dict[str, float]]:
    """Seconds inside the op's IO managers alone, by method, while the block runs.

    The contexts that they are given are built around it, which a run does too, but otherwise.
    """
    spent = {"handle_output": 0.0, "load_input": 0.0}
    managers = {id(found): found for found in (invocation._io_manager(op, n) for n in op.outputs)}

    def clocked(method: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            started = time.perf_counter()
            try:
                return original(*arguments)
            finally:
                spent[method] += time.perf_counter() - started

        return call

    try:
        for manager in managers.values():
            for method in spent:
                # past pydantic, which guards the attributes of a ConfigurableIOManager
                object.__setattr__(manager, method, clocked(method, getattr(manager, method)))
        yield spent
    finally:
        for manager in managers.values():
            for method in spent:
                manager.__dict__.pop(method, None)


def next_value(op: MappedOp, results: Mapping[str, Mapping[str, object]]) -> object:
    """What the chain's last op hands on: its only output, or its first."""
    outputs = results[op.handle]
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    return outputs.get(op.outputs[0]) if op.outputs else None


def _given(outputs: Mapping[str, object]) -> object:
    """What an op gave: the value of its only output, or all of them by name."""
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _pickled_bytes(values: Mapping[str, object]) -> tuple[int, str | None]:
    """Bytes of the values as Dagster would pickle them; 0 and the reason where it could not."""
    total = 0
    name = ""
    try:
        for name, value in values.items():  # noqa: B007 - named in the reason
            total += len(pickle.dumps(value, protocol=PICKLE_PROTOCOL))
    except Exception as error:  # noqa: BLE001 - whatever __reduce__ raises
        of_pickle = f"{type(error).__name__}: {error}"  # with frames, it is a user's __reduce__
        told = in_words(error) if frames_of(error) else of_pickle
        return 0, f"{name!r} cannot be pickled ({told})"
    return total, None


def _item_path(workspace: str, item: int) -> Path:
    return Path(workspace) / f"item-{item}.pickle"


def failure_in_words(error: BaseException) -> str:
    """What the user's code raised, and where; its text is shown on the terminal alone."""
    told = in_words(error)
    show_text(f"{told}: {text_of(error)}")
    return told


def call_hook(spelled: str | None) -> None:
    """Call a ``module:callable`` hook of the user's; None does nothing."""
    if spelled is None:
        return
    from advisor.domain.errors import TargetError

    module, _, name = spelled.partition(":")
    watch(f"hook {spelled!r}")
    try:
        with loading_user_code():
            hook = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise TargetError(
            f"The hook {spelled!r} cannot be loaded: {error}",
            hint="Write hooks as module:callable.",
        ) from error
    hook()
    unwatch()


def spread(total: int, wanted: int) -> list[int]:
    """Places of ``wanted`` items, evenly spread over ``total``."""
    if wanted >= total:
        return list(range(total))
    if wanted == 1:
        return [total // 2]
    return sorted({round(place * (total - 1) / (wanted - 1)) for place in range(wanted)})


def _draw(assignment: Assignment, loaded: LoadedTarget) -> tuple[DrawnItems, list[Any], Any]:
    """The sampled items: from ``--inputs``, or by running the job up to its fan-out."""
    from advisor.dagster_bridge.sampling import draw_samples, inputs_tag, read_inputs

    description = assignment.description
    fan_out_s: float | None = None
    upstream_s = 0.0
    fixed: Mapping[str, dict[str, object]] = {}
    keys: list[str | None]
    spelled = assignment.inputs
    if spelled is None and description.fan_out is None:
        spelled = inputs_tag(description)
    if spelled is not None:
        watch(f"reading the inputs {spelled!r}")
        folder = Path(description.target.working_directory)
        items = read_inputs(spelled, description, folder)
        total, keys = len(items), [None] * len(items)
    else:
        name = f"fan-out op {description.fan_out.name!r}" if description.fan_out else "the inputs"
        watch(name)
        drawn = draw_samples(
            loaded, description, assignment.run_config, None, Path(assignment.workspace)
        )
        items = [sample.inputs for sample in drawn.items]
        keys = [sample.key for sample in drawn.items]
        total = drawn.total_items
        fan_out_s, upstream_s = drawn.fan_out_s, drawn.upstream_s
        fixed = drawn.fixed_inputs
    unwatch()
    kept = spread(len(items), assignment.samples)
    facts = DrawnItems(
        total=total,
        positions=tuple(kept),
        keys=tuple(keys[place] for place in kept),
        fan_out_s=fan_out_s,
        upstream_s=upstream_s,
    )
    return facts, [items[place] for place in kept], fixed


def _write_items(workspace: str, facts: DrawnItems, items: list[Any], fixed: Any) -> DrawnItems:
    """Put the items where other children find them; the first that cannot be is the reason."""
    try:
        for place, inputs in enumerate(items):
            size, reason = _pickled_bytes(inputs)
            if reason:
                facts = replace(facts, unpicklable=f"input {reason}")
                break
            content = pickle.dumps(inputs, protocol=PICKLE_PROTOCOL)
            assert len(content) >= size
            _item_path(workspace, place).write_bytes(content)
        else:
            content = pickle.dumps(fixed, protocol=PICKLE_PROTOCOL)
            (Path(workspace) / "fixed.pickle").write_bytes(content)
    except Exception as error:  # noqa: BLE001 - whatever __reduce__ raises
        facts = replace(facts, unpicklable=f"an input cannot be pickled ({in_words(error)})")
    return facts


@contextlib.contextmanager
def session(
    assignment: Assignment,
    *,
    drawn: DrawnItems | None = None,
    preload: tuple[str, ...] = (),
) -> Iterator[Session]:
    """Load the target, start its resources, and have the items at hand.

    Args:
        assignment: What to load.
        drawn: The items' facts, once a first child has drawn them; None draws them here.
        preload: Modules to import before anything is timed, as a warm forkserver does.
    """
    import psutil  # noqa: F401 - the meter's, before the user's folders come first

    from advisor.dagster_bridge.invocation import open_invocation
    from advisor.dagster_bridge.target import load_target

    description = assignment.description
    watch(f"importing the code of {description.target.spelled!r}")
    loaded = load_target(description.target)
    for module in preload:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    unwatch()
    call_hook(assignment.setup)
    try:
        items: list[Any] = []
        fixed: Any = {}
        if drawn is None or drawn.unpicklable is not None:
            facts, items, fixed = _draw(assignment, loaded)
            drawn = drawn or _write_items(assignment.workspace, facts, items, fixed)
        else:
            content = (Path(assignment.workspace) / "fixed.pickle").read_bytes()
            fixed = pickle.loads(content)  # noqa: S301 - written by our own child
        held = items if drawn.unpicklable is not None else []
        del items
        storage = Path(tempfile.mkdtemp(prefix="storage-", dir=assignment.workspace))
        with open_invocation(
            loaded,
            description,
            assignment.run_config,
            storage,
            own_files_only=assignment.own_files_only,
        ) as invocation:
            watch("starting the resources")
            started, cpu_s = time.perf_counter(), own_cpu_s()
            invocation.start_resources()
            took_s = time.perf_counter() - started
            resource_init = ResourceInit(took_s, min(took_s, own_cpu_s() - cpu_s))
            unwatch()
            with error_records() as errors:
                yield Session(
                    assignment,
                    loaded,
                    invocation,
                    drawn,
                    resource_init,
                    resident_bytes(os.getpid()),
                    held,
                    dict(fixed),
                    errors=errors,
                )
    finally:
        call_hook(assignment.teardown)


@dataclass(frozen=True, slots=True)
class ScoutOrder:
    """The first child's order: draw the items, call first and later ones.

    Attributes:
        later_s: Seconds to spend on later calls.
        most_s: Seconds after which no further call begins, from the child's start.
        each_once: Whether no item may run twice.
        reserved: Items to leave alone, for other children's first calls; half of them at most.
        collect: Whether to run the collecting ops on the sampled outputs, for their seconds.
    """

    assignment: Assignment
    later_s: float
    most_s: float
    each_once: bool
    reserved: int
    seed: int
    collect: bool = False


@dataclass(frozen=True, slots=True)
class Scouted:
    """What the first child found."""

    drawn: DrawnItems
    first: ChainRun
    later: tuple[ChainRun, ...]
    imported: tuple[str, ...]
    resource_init: ResourceInit
    base_rss_bytes: int
    start_s: float
    collect_s: float | None
    collect_items: int
    executions: int
    repeatable: bool
    forkable: bool
    notes: tuple[str, ...] = ()

    @property
    def typical(self) -> tuple[ChainRun, ...]:
        """The later calls; the first one where there are none."""
        return self.later or (self.first,)


def scout(order: ScoutOrder) -> Scouted:
    """Draw the items, take the first call with its imports, then later calls in random order."""
    began = time.perf_counter()
    notes: list[str] = []
    held = ImportWatch()
    with session(order.assignment) as opened:
        start_s = time.perf_counter() - began
        forkable = task_count() == 1 and held.refusal() is None
        count = len(opened.drawn.positions)
        meter = Meter()
        recorder = ImportRecorder()
        first_item = count // 2
        first, value = opened.measure_chain(first_item, meter, recorder)
        outputs = {first_item: value}
        later: list[ChainRun] = []
        ran, repeatable = {first_item}, not order.each_once
        kept_bytes = first.samples[-1].output_bytes
        for item in _later_items(order, count, first_item):
            spent = sum(run.wall_s for run in later)
            again = any(run.item == item for run in later)
            if not _goes_on(order, began, later, first, again=again, spent_s=spent):
                break
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
            kept_bytes += run.samples[-1].output_bytes
            if order.collect and kept_bytes < _COLLECT_BYTES:
                outputs[item] = value
        collect_s = None
        if order.collect:
            collect_s, note = _collect(opened, [outputs[item] for item in sorted(outputs)])
            notes += [note] if note else []
        busy = opened.delayed_s / max(opened.measured_s, 1e-9)
        if busy > _BUSY_SHARE:
            notes.append(
                f"This machine was busy with other work: the calls waited {percent(busy)} of their "
                "time for a core, which has been left out of them."
            )
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
            notes=(*opened.notes, *notes),
        )


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
    return not again or spent_s + next_s <= _SHORT_S


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
            told = failure_in_words(error)
            return None, f"op {reference.name!r} was not timed on the sampled outputs ({told})"
        total_s += max(0.0, time.perf_counter() - started - opened.empty_call_s)
        unwatch()
    return total_s, None


@dataclass(frozen=True, slots=True)
class FirstCallOrder:
    """A later child's order: one first call in a fresh process."""

    assignment: Assignment
    drawn: DrawnItems
    item: int
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstCalled:
    """One first call, and what its process was like before."""

    run: ChainRun
    resource_init: ResourceInit
    base_rss_bytes: int
    executions: int


def first_call(order: FirstCallOrder) -> FirstCalled:
    """One call of the chain, the first of this process."""
    with session(order.assignment, drawn=order.drawn, preload=order.preload) as opened:
        run, _ = opened.measure_chain(order.item, Meter())
        return FirstCalled(run, opened.resource_init, opened.base_rss_bytes, opened.executions)


@dataclass(frozen=True, slots=True)
class LaterCallsOrder:
    """A later child's order: items once more, at another moment of a machine whose speed changes.

    Attributes:
        items: To call, in this order.
        most_s: Seconds of calls after which no further one begins; the first always does.
        warm_up: Whether a call comes first that is not measured.
    """

    assignment: Assignment
    drawn: DrawnItems
    items: tuple[int, ...]
    most_s: float
    warm_up: bool


@dataclass(frozen=True, slots=True)
class LaterCalled:
    """Calls that were not the first in their process."""

    runs: tuple[ChainRun, ...]
    executions: int


def later_calls(order: LaterCallsOrder) -> LaterCalled:
    """Call the items one after another, for some seconds."""
    with session(order.assignment, drawn=order.drawn) as opened:
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
        return LaterCalled(tuple(runs), opened.executions)
