"""The one stack that calls the user's ops: the target loaded, its resources started, items at hand.

Used by all that is measured: profile, hot spots, probes and the gate. Nothing here is called in
dynadvise's own process; see `advisor.measure.child`.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.dagster_bridge.process_usage import resident_bytes
from advisor.dagster_bridge.user_frames import in_words, text_of
from advisor.dagster_bridge.user_path import loading_user_code
from advisor.domain.item_sample import ItemSample
from advisor.domain.workload import MappedOp, TargetReference
from advisor.measure.first_touch import touch_memory
from advisor.measure.loading import ImportRecorder
from advisor.measure.meter import Meter, Reading, clocked
from advisor.measure.ops.drawn import ItemInputs, drawn_items, pickled_bytes
from advisor.measure.ops.io_timing import IoTimes
from advisor.measure.ops.orders import Assignment, ChainRun, DrawnItems, ResourceInit
from advisor.measure.ops.results import parts_of
from advisor.measure.ops.side_effects import ErrorRecords, OpHooks, error_records
from advisor.measure.supervisor import show_text, unwatch, watch

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation, PreparedCall
    from advisor.dagster_bridge.target import LoadedTarget

Clock = Callable[[], contextlib.AbstractContextManager[Reading]]


@dataclass(frozen=True, slots=True)
class MeasuredCall:
    """One call of one op; ``unpicklable`` is the reason why its outputs cannot be pickled."""

    sample: ItemSample
    outputs: dict[str, object]
    unpicklable: str | None


@dataclass
class Session:
    """A loaded target whose resources are started: ready to call its mapped ops."""

    assignment: Assignment
    loaded: LoadedTarget
    invocation: Invocation
    drawn: DrawnItems
    inputs: ItemInputs
    resource_init: ResourceInit
    base_rss_bytes: int
    errors: ErrorRecords
    io_times: IoTimes
    executions: int = 0
    notes: dict[str, None] = field(default_factory=dict)
    delayed_s: float = 0.0
    measured_s: float = 0.0
    op_hooks: OpHooks = field(default_factory=OpHooks)
    quiet: bool = False  # whether calls are not announced one by one

    @cached_property
    def empty_call_s(self) -> float:
        """What calling an op charges beside its own work; sessions that time no call never ask."""
        return self.invocation.empty_call_s()

    @property
    def chain(self) -> tuple[MappedOp, ...]:
        """The mapped ops, in order."""
        return self.assignment.description.mapped

    def label(self, op: MappedOp, item: int) -> str:
        """How messages name a call."""
        return f"op {op.name!r} on item {self.drawn.positions[item]}"

    def call(self, op: MappedOp, inputs: Mapping[str, object], item: int) -> dict[str, object]:
        """Call one op, unmeasured, watched for a hang."""
        if not self.quiet:
            return self.timed(op, inputs, item)[0]
        self.executions += 1
        return self.invocation.call(op, inputs, self.drawn.keys[item])

    def timed(
        self, op: MappedOp, inputs: Mapping[str, object], item: int, clock: Clock = clocked
    ) -> tuple[dict[str, object], Reading]:
        """Call one op under a clock, watched for a hang: what it gives, and what it takes."""
        prepared = self.invocation.prepare(op, inputs, self.drawn.keys[item])
        return self._run(prepared, op, item, clock)

    def _run(
        self, prepared: PreparedCall, op: MappedOp, item: int, clock: Clock
    ) -> tuple[dict[str, object], Reading]:
        self.executions += 1
        timeout_s, key = self.assignment.item_timeout_s, self.drawn.keys[item]
        watch(self.label(op, item), timeout_s, key, op=op.handle)
        with clock() as reading:
            outputs = prepared.run()
        unwatch()
        self.executions += prepared.events.attempts - 1
        return outputs, reading

    def measure(
        self, op: MappedOp, inputs: Mapping[str, object], item: int, clock: Clock = clocked
    ) -> MeasuredCall:
        """Call one op under a clock; its sample is without storing and loading."""
        from advisor.dagster_bridge.awaiting import held_s

        empty_call_s = self.empty_call_s  # before the first call, which would pay for its imports
        held_s()
        errors_before = self.errors.count
        key = self.drawn.keys[item]
        prepared, running = self.invocation.prepare(op, inputs, key), _children()
        outputs, reading = self._run(prepared, op, item, clock)
        hooks, raised = self.op_hooks.call(self.invocation, op, prepared, outputs, key)
        for hook, error in raised.items():
            failed = failure_in_words(error, f"Hook {hook!r} of op {op.handle!r}")
            self.notes[f"{failed}: a run records that and goes on."] = None
        self.delayed_s += reading.delayed_s
        self.measured_s += reading.wall_s + reading.delayed_s
        if any(not child.daemon for child in _children() - running):
            note = (
                f"Op {op.handle!r} leaves a process of multiprocessing running: a step's process "
                "does not end before it, and the run stands still. Join it, or make it a daemon."
            )
            self.notes[note] = None
        output_bytes, reason = pickled_bytes(outputs)
        sample = ItemSample(
            item=item,
            key=None,  # it may tell whose data it is, and the profile is committed
            wall_s=max(0.0, reading.wall_s - empty_call_s),
            cpu_s=max(0.0, reading.cpu_s - empty_call_s),
            peak_rss_bytes=max(0, reading.peak_rss_bytes - self.base_rss_bytes),
            grown_rss_bytes=reading.grown_rss_bytes,
            input_bytes=pickled_bytes(inputs)[0],
            output_bytes=output_bytes,
            connections=reading.connections,
            loop_s=held_s(),
            errors_logged=self.errors.count - errors_before,
            events=prepared.events.count,
            asset_events=prepared.events.of_assets,
            log_events=prepared.events.lines,
            attempts=prepared.events.attempts,
            hook_s=hooks.wall_s if hooks else None,
            hook_cpu_s=min(hooks.cpu_s, hooks.wall_s) if hooks else 0.0,
        )
        return MeasuredCall(sample, outputs, reason)

    def call_chain(self, item: int) -> object:
        """Run the whole chain on an item, unmeasured; what the last op gave."""
        return self._given({op.handle: outputs for op, _, outputs in self.calls(item)})

    def calls(
        self, item: int
    ) -> Iterator[tuple[MappedOp, Mapping[str, object], Mapping[str, object]]]:
        """Call each op that a run calls for an item, unmeasured: it, its inputs and outputs."""
        results: dict[str, Mapping[str, object]] = {}
        for op in self.reached(results):
            inputs = self.inputs_of(op, item, results)
            results[op.handle] = self.call(op, inputs, item)
            yield op, inputs, results[op.handle]

    def reached(self, results: Mapping[str, Mapping[str, object]]) -> Iterator[MappedOp]:
        """The ops that a run would call for an item, in order.

        As in Dagster, an op is skipped where an output that it takes was not given, or where the op
        that gives it was skipped.

        Args:
            results: Outputs by name of the ops called so far, by handle; filled by the caller.
        """
        skipped: set[str] = set()
        for op in self.chain:
            sources = op.sources.values()
            if any(h in skipped or name not in results.get(h, {name}) for h, name in sources):
                skipped.add(op.handle)
            else:
                yield op

    def _given(self, results: Mapping[str, Mapping[str, object]]) -> object:
        """What an item gave: outputs of the ops called whose results no other of the chain takes.

        The value alone, where it is one.
        """
        sources = {handle for op in self.chain for handle, _ in op.sources.values()}
        ends = {handle: values for handle, values in results.items() if handle not in sources}
        if len(ends) != 1:
            return ends
        (outputs,) = ends.values()
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def inputs_of(
        self, op: MappedOp, item: int, results: Mapping[str, Mapping[str, object]]
    ) -> dict[str, object]:
        """All inputs of an op for an item, given what the chain's earlier ops returned."""
        from advisor.dagster_bridge.invocation import item_inputs

        needs_item = any(source not in results for source, _ in op.sources.values())
        own = self.inputs.of(item) if needs_item or not op.sources else {}
        return item_inputs(op, own, results, self.inputs.fixed)

    def measure_chain(
        self, item: int, meter: Meter, recorder: ImportRecorder | None = None
    ) -> tuple[ChainRun, object]:
        """Run the chain on an item and measure each of its calls, storing and loading included."""
        recording = recorder.recording if recorder else contextlib.nullcontext

        @contextlib.contextmanager
        def clock() -> Iterator[Reading]:
            with recording(), meter.measuring() as reading:
                yield reading

        results: dict[str, Mapping[str, object]] = {}
        samples: dict[str, ItemSample] = {}
        unpicklable: dict[str, str] = {}
        before: MappedOp | None = None
        for op in self.reached(results):
            with recording(), clocked() as loading:
                inputs = self.inputs_of(op, item, results)
            load_s, io_wait_s = loading.wall_s, max(0.0, loading.wall_s - loading.cpu_s)
            if before is not None and before.handle not in unpicklable:
                loaded_s = self.io_times.of(before, item)[1]
                load_s += loaded_s
                io_wait_s += loaded_s * self.io_times.wait_share(before)
            call = self.measure(op, inputs, item, clock)
            store_s = 0.0
            if call.unpicklable is None:
                self._store(op, call.outputs, item, call.sample.output_bytes)
                store_s = self.io_times.of(op, item)[0]
                io_wait_s += store_s * self.io_times.wait_share(op)
            else:
                unpicklable[op.handle] = call.unpicklable
            samples[op.handle] = replace(
                call.sample, load_s=load_s, store_s=store_s, io_wait_s=io_wait_s
            )
            results[op.handle], before = call.outputs, op
        samples.update(self._loaded(samples, item))
        last = self.chain[-1]
        value = _next_value(last, results[last.handle]) if last.handle in results else None
        return ChainRun(item, samples, unpicklable, parts_of(self._given(results))), value

    def _is_loaded(self, op: MappedOp) -> bool:
        """Whether a run loads what the op gives."""
        return op is not self.chain[-1] or bool(self.assignment.description.collects)

    @cached_property
    def fan_out(self) -> MappedOp | None:
        """The fan-out op as one whose outputs are stored; None where items come without one."""
        first, reference = self.chain[0], self.assignment.description.fan_out
        handle, output = first.sources.get(first.item_input or "", ("", ""))
        if reference is None or handle != reference.handle:
            return None
        return MappedOp(reference, None, (), (output,))

    def _loaded(self, samples: Mapping[str, ItemSample], item: int) -> dict[str, ItemSample]:
        """The first op's sample with what its own IO manager takes to load what was yielded."""
        fan_out, first = self.fan_out, self.chain[0]
        if fan_out is None or first.item_input is None:
            return {}
        value = self.inputs.of(item)[first.item_input]
        value_bytes = samples[first.handle].input_bytes
        self._store(fan_out, {fan_out.outputs[0]: value}, item, value_bytes)
        if not self.io_times.measured(fan_out):
            return {}
        load_s, sample = self.io_times.of(fan_out, item)[1], samples[first.handle]
        stored_wait_s = sample.store_s * self.io_times.wait_share(first)
        wait_s = load_s * self.io_times.wait_share(fan_out) + stored_wait_s
        return {first.handle: replace(sample, load_s=load_s, io_wait_s=wait_s)}

    def _store(
        self, op: MappedOp, outputs: Mapping[str, object], item: int, value_bytes: int
    ) -> None:
        from advisor.dagster_bridge.invocation import CannotStoreError

        try:
            loaded = self._is_loaded(op)
            self.io_times.measure(op, outputs, item, loaded=loaded, value_bytes=value_bytes)
        except Exception as error:  # noqa: BLE001 - what an IO manager raises outside of a run
            reason = error.what if isinstance(error, CannotStoreError) else failure_in_words(error)
            self.notes[f"Storing was not measured: {reason}"] = None


def _children() -> set[BaseProcess]:
    """Processes that this one started through multiprocessing."""
    return set(multiprocessing.active_children())


def _next_value(op: MappedOp, outputs: Mapping[str, object]) -> object:
    """What the chain's last op hands on: its only output, or its first."""
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    return outputs.get(op.outputs[0]) if op.outputs else None


def failure_in_words(error: BaseException, label: str | None = None) -> str:
    """What the user's code raised, and where; its text is shown on the terminal alone.

    ``label`` names the call that raised it.
    """
    words = f"{label} raised {in_words(error)}" if label else in_words(error)
    show_text(f"{words}: {text_of(error)}")
    return words


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


@contextlib.contextmanager
def session(
    assignment: Assignment,
    *,
    drawn: DrawnItems | None = None,
    preload: tuple[str, ...] = (),
    loaded: LoadedTarget | None = None,
) -> Iterator[Session]:
    """Load the target, start its resources, and have the items at hand.

    Args:
        drawn: The items' facts, once a first child has drawn them; None draws them here.
        preload: Modules to import before anything is timed, as a warm forkserver does.
    """
    from advisor.dagster_bridge.invocation import open_invocation

    loaded = loaded or _loaded(assignment.description.target, preload)
    call_hook(assignment.setup)
    try:
        drawn, inputs = drawn_items(assignment, loaded, drawn)
        storage = Path(tempfile.mkdtemp(prefix="storage-", dir=assignment.workspace))
        with open_invocation(
            loaded,
            assignment.description,
            assignment.run_config,
            storage,
            storing=assignment.storing,
            identity=replace(assignment.run, tags=drawn.run_tags),
        ) as invocation:
            watch("starting the resources")
            with clocked() as starting:
                invocation.start_resources()
            unwatch()
            touch_memory(assignment.item_bytes)
            with error_records() as errors:
                yield Session(
                    assignment=assignment,
                    loaded=loaded,
                    invocation=invocation,
                    drawn=drawn,
                    inputs=inputs,
                    resource_init=ResourceInit(
                        starting.wall_s, min(starting.wall_s, starting.cpu_s)
                    ),
                    base_rss_bytes=resident_bytes(os.getpid()),
                    errors=errors,
                    io_times=IoTimes(invocation),
                )
    finally:
        call_hook(assignment.teardown)


def _loaded(target: TargetReference, preload: tuple[str, ...]) -> LoadedTarget:
    import psutil  # noqa: F401 - the meter's, before the user's folders come first

    from advisor.dagster_bridge.target import load_target

    watch(f"importing the code of {target.spelled!r}")
    loaded = load_target(target)
    for module in preload:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    unwatch()
    return loaded
