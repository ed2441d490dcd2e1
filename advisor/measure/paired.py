"""Timing the same ops of two trees in pairs of fresh processes, and counting what has no noise.

A *survey* of a tree loads the target, draws sample inputs, calls every mapped op once on each,
and counts. *Timing* then calls the ops on the base's inputs in a fresh process of either tree.

Both processes of a pair are alive at once and take turns: one works for some 10 ms while the other
waits, in random order, so that both see the same moods of the machine. On a virtual machine whose
cores are shared with others these change several times a second, and processes that run one after
the other for a second each differ mostly by them.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import pickle
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from advisor.domain.errors import DynadviseError
from advisor.domain.workload import ItemSample, MappedOp, WorkloadDescription
from advisor.measure.child import ChildFailure, ChildResult, run_in_child
from advisor.measure.progress import Progress, silent
from advisor.measure.supervisor import show_text, unwatch, watch

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation
    from advisor.dagster_bridge.sampling import DrawnSamples
    from advisor.dagster_bridge.target import LoadedTarget

Side = Literal["base", "head"]
_OTHER: Mapping[Side, Side] = {"base": "head", "head": "base"}
_TURN, _GONE = b"t", b"g"  # what is written to a side's pipe: its turn; the other has ended
_OWN_PACKAGE = __name__.split(".", maxsplit=1)[0]

_PICKLE_PROTOCOL = 4  # Dagster's filesystem IO manager writes this one
_TIMED_S = 0.8  # per op and process
_TURN_S = 0.01  # long beside the change between two processes, short beside the machine's moods
_MOST_REPEATS = 100
_MEMOISED = 0.2  # a repeat that takes less than this share of the call before was looked up
_CLOCK_S = 1e-7
_SHORTEST_S = 1e-4  # below it, the clock and the call's own cost are what is measured


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one side.

    Attributes:
        root: Root of the repository, or of the project where there is none.
        foreign_root: Root of the other side, from which nothing may be loaded; None without one.
        working_directory: Importable folder, as for Dagster's own command line.
        python_path: Further importable folders of this tree (a ``src`` layout, say).
    """

    side: Side
    root: str
    working_directory: str
    python_path: tuple[str, ...] = ()
    foreign_root: str | None = None


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """What to survey.

    Attributes:
        target, job: As the user spelled them.
        inputs: File (absolute) or ``module:callable`` with sample inputs; None: the target's own.
        samples: Most items to call the ops on.
        samples_file: Where to leave the drawn inputs for the timing.
        other_samples_file: The other side's, to see whether this side can read it.
        item_timeout_s: Longest that one call may take.
    """

    tree: Tree
    target: str
    job: str | None
    run_config: Mapping[str, object]
    inputs: str | None
    samples: int
    samples_file: str
    other_samples_file: str | None = None
    item_timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class OpSurvey:
    """What one pass of calls told of one op.

    Attributes:
        calls: One sample an item; the first is the first call in its process.
        repeat_s: A second call on the last item, to see whether results are kept.
        modules: Modules beyond Dagster's own in the process after the first call.
        failed: Why it has no measurement, in words with file and line.
    """

    op: MappedOp
    calls: tuple[ItemSample, ...] = ()
    repeat_s: float | None = None
    modules: int = 0
    failed: str | None = None

    @property
    def warm_s(self) -> float:
        """Median seconds of a call after the first, where there was one."""
        later = self.calls[1:] or self.calls
        return statistics.median(call.wall_s for call in later) if later else 0.0

    @property
    def memoises(self) -> bool:
        """Whether a repeated call is answered from a store of results."""
        if self.repeat_s is None or len(self.calls) < 2:
            return False
        return self.repeat_s < _MEMOISED * self.calls[-1].wall_s


@dataclass(frozen=True, slots=True)
class Survey:
    """One side, surveyed.

    Attributes:
        items: Items that the fan-out yields, or inputs that there are.
        steps, events: Of one run, as the graph and the items give them; None for a bare op.
        samples_kept: Whether the inputs could be pickled for the timing.
        reads_other: Whether the other side's inputs load here.
        executions: Calls of the user's ops in all.
    """

    description: WorkloadDescription
    items: int
    ops: tuple[OpSurvey, ...]
    steps: int | None
    events: int | None
    samples_kept: bool
    reads_other: bool
    executions: int


@dataclass(frozen=True, slots=True)
class TimingRequest:
    """What to time in one fresh process.

    Attributes:
        ops: Handles of the ops, in order.
        repeats: Handle to timed calls an item; 1 for an op that keeps its results.
        turns: Handle to the number of turns in which the calls are made.
        samples_file: Inputs to read; None: draw them again.
        baton: How to take turns with the other process; None: there is no other.
    """

    survey: SurveyRequest
    ops: tuple[str, ...]
    repeats: Mapping[str, int]
    turns: Mapping[str, int]
    samples_file: str | None
    baton: BatonRequest | None = None


@dataclass(frozen=True, slots=True)
class BatonRequest:
    """How two processes take turns.

    Attributes:
        folder: Holds a named pipe for each side, by which it is told that it is its turn.
        seed: Of the order; the same for both sides.
    """

    folder: str
    seed: str


@dataclass(frozen=True, slots=True)
class OpCalls:
    """One op's timed calls in one process: seconds by item and repeat, or why there are none.

    Seconds are of the wall clock without those in which the thread waited for a core.
    """

    calls_s: tuple[tuple[float, ...], ...] = ()
    failed: str | None = None


class SideFailedError(DynadviseError):
    """One side as a whole could not be measured."""


# --- in the parent ----------------------------------------------------------------------------


class PairMeasurer(Protocol):
    """Measures either side; the form that tests replace by recorded timings."""

    def survey(self, side: Side) -> Survey:
        """Survey a side; raises DynadviseError where it cannot be loaded."""

    def time(self, side: Side, ops: Sequence[str], number: int) -> Mapping[str, OpCalls]:
        """Time the ops in one fresh process of a side."""

    def time_pair(
        self, ops: Sequence[str], number: int, order: random.Random
    ) -> Mapping[Side, Mapping[str, OpCalls]]:
        """Time the ops in a fresh process of each side, which take turns in random order."""


class ChildProcesses:
    """Measures in fresh processes; what they leave for each other is in a temporary folder."""

    def __init__(self, base: SurveyRequest | None, head: SurveyRequest, timeout_s: float) -> None:
        self._requests: dict[Side, SurveyRequest] = {"head": head}
        if base is not None:
            self._requests["base"] = base
        self._timeout_s = timeout_s
        self._surveys: dict[Side, Survey] = {}
        self.executions = 0

    def survey(self, side: Side) -> Survey:
        """Survey a side, the base first where both are."""
        request = self._requests[side]
        if side == "head" and "base" in self._surveys and self._surveys["base"].samples_kept:
            request = replace(request, other_samples_file=self._requests["base"].samples_file)
        result = run_in_child(
            "advisor.measure.paired:survey_tree",
            request,
            timeout_s=self._timeout_s,
            python_path=(request.tree.working_directory, *request.tree.python_path),
            working_directory=request.tree.working_directory,
        )
        survey = cast("Survey", result.unwrap(f"`{request.target}` ({side})"))
        self._surveys[side] = survey
        self.executions += survey.executions
        return survey

    def time(self, side: Side, ops: Sequence[str], number: int) -> Mapping[str, OpCalls]:
        """Time the ops in one fresh process of a side."""
        return self._calls(self._run(self._timing(side, ops), number), ops)

    def time_pair(
        self, ops: Sequence[str], number: int, order: random.Random
    ) -> Mapping[Side, Mapping[str, OpCalls]]:
        """Time the ops in a fresh process of each side; both hash strings alike.

        Where one side's process dies, the other is told so and ends; its timings are empty.
        """
        sides: list[Side] = ["base", "head"]
        order.shuffle(sides)
        seed = str(order.random())
        stop = threading.Event()
        with _pipes() as (folder, pipes), ThreadPoolExecutor(2) as pool:

            def run(side: Side) -> ChildResult:
                try:
                    timing = replace(self._timing(side, ops), baton=BatonRequest(folder, seed))
                    return self._run(timing, number, stop)
                finally:
                    os.write(pipes[_OTHER[side]], _GONE)

            try:
                running = {side: pool.submit(run, side) for side in sides}
                results = {side: future.result() for side, future in running.items()}
            finally:  # an interruption here ends their processes; the pool waits for it
                stop.set()
        return {side: self._calls(result, ops) for side, result in results.items()}

    def _run(
        self, timing: TimingRequest, number: int, stop: threading.Event | None = None
    ) -> ChildResult:
        tree = timing.survey.tree
        return run_in_child(
            "advisor.measure.paired:time_calls",
            timing,
            timeout_s=self._timeout_s,
            environment={"PYTHONHASHSEED": str(number + 1)},
            python_path=(tree.working_directory, *tree.python_path),
            working_directory=tree.working_directory,
            stop=stop,
        )

    def _calls(self, result: ChildResult, ops: Sequence[str]) -> Mapping[str, OpCalls]:
        if result.failure is not None:
            return _blamed(result.failure, ops)
        timed = cast("Mapping[str, OpCalls]", result.value)
        self.executions += sum(1 + sum(map(len, op.calls_s)) for op in timed.values())
        return {op: timed.get(op, OpCalls()) for op in ops}

    def _timing(self, side: Side, ops: Sequence[str]) -> TimingRequest:
        """Both sides get the base's inputs where head can read them, and the same repeats."""
        first: Side = "base" if "base" in self._surveys else "head"
        shared = all(
            survey.samples_kept and (name == first or survey.reads_other)
            for name, survey in self._surveys.items()
        )
        own = self._requests[side].samples_file if self._surveys[side].samples_kept else None
        return TimingRequest(
            survey=self._requests[side],
            ops=tuple(ops),
            repeats={op: repeats_for(self._surveys.values(), op) for op in ops},
            turns={op: turns_for(self._surveys.values(), op) for op in ops},
            samples_file=self._requests[first].samples_file if shared else own,
        )


def repeats_for(surveys: Iterable[Survey], handle: str) -> int:
    """Timed calls an item, the same on both sides: about 0.8 s in all, and 100 at most."""
    found = _surveyed(surveys, handle)
    if not found or any(op.memoises for op in found):
        return 1
    pass_s = max(_SHORTEST_S, *(op.warm_s * max(1, len(op.calls)) for op in found))
    return min(_MOST_REPEATS, max(1, round(_TIMED_S / pass_s)))


def turns_for(surveys: Iterable[Survey], handle: str) -> int:
    """Turns in which the calls of one process are made: as many calls in each as 10 ms allow."""
    found = _surveyed(surveys, handle)
    if not found:
        return 1
    calls = repeats_for(surveys, handle) * max(1, *(len(op.calls) for op in found))
    call_s = max(_SHORTEST_S, *(op.warm_s for op in found))
    return math.ceil(calls / max(1, round(_TURN_S / call_s)))


def _surveyed(surveys: Iterable[Survey], handle: str) -> list[OpSurvey]:
    return [op for survey in surveys for op in survey.ops if op.op.op.handle == handle]


@contextlib.contextmanager
def _pipes() -> Iterator[tuple[str, Mapping[Side, int]]]:
    """A folder with a named pipe for each side, and the pipes.

    Open for both directions: opening does not block, and an end is seen only when we write it.
    """
    with tempfile.TemporaryDirectory(prefix="dynadvise-turns-") as folder:
        pipes: dict[Side, int] = {}
        try:
            for side in _OTHER:
                os.mkfifo(Path(folder, side))
                pipes[side] = os.open(Path(folder, side), os.O_RDWR)
            yield folder, pipes
        finally:
            for pipe in pipes.values():
                os.close(pipe)


@dataclass
class PairedTimings:
    """What the pairs gave so far, by op, in the order of measuring.

    Attributes:
        base, head: The calls of each process; entries of the same place are a pair.
        failed: Op to the side and the reason, where a process had no timing of it.
    """

    base: dict[str, list[OpCalls]] = field(default_factory=dict)
    head: dict[str, list[OpCalls]] = field(default_factory=dict)
    failed: dict[str, tuple[Side, str]] = field(default_factory=dict)


def measure_pairs(
    measurer: PairMeasurer,
    ops: Sequence[str],
    max_pairs: int,
    *,
    still_open: Callable[[PairedTimings], Sequence[str]],
    seed: int,
    progress: Progress = silent,
) -> PairedTimings:
    """Measure pair after pair, base and head in random order, until all ops are decided.

    Args:
        measurer: Measures a pair in fresh processes.
        ops: Handles of the ops.
        max_pairs: Most pairs.
        still_open: Called after each pair; the ops that want more.
        seed: Of the order inside the pairs.
        progress: Told what is being done.
    """
    order = random.Random(seed)  # noqa: S311 - no secret
    timings = PairedTimings({op: [] for op in ops}, {op: [] for op in ops})
    wanted = tuple(ops)
    for pair in range(max_pairs):
        if not wanted:
            break
        progress(f"pair {pair + 1} of at most {max_pairs}: {', '.join(wanted)}", pair / max_pairs)
        measured = measurer.time_pair(wanted, pair, order)
        for op in wanted:
            failed = [(side, calls[op].failed) for side, calls in measured.items()]
            reasons = [(side, reason) for side, reason in failed if reason is not None]
            if reasons:
                timings.failed[op] = reasons[0]
                continue
            timings.base[op].append(measured["base"][op])
            timings.head[op].append(measured["head"][op])
        wanted = tuple(op for op in still_open(timings) if op not in timings.failed)
    return timings


@contextlib.contextmanager
def samples_folder() -> Iterator[Path]:
    """A temporary folder for the drawn inputs."""
    with tempfile.TemporaryDirectory(prefix="dynadvise-check-") as folder:
        yield Path(folder)


def _blamed(failure: ChildFailure, ops: Sequence[str]) -> dict[str, OpCalls]:
    """A dead process takes the timings of all its ops with it; the one that ran is named."""
    reason = failure.as_note("the measured process")
    guilty = [op for op in ops if failure.during and f"`{op}`" in failure.during]
    return {op: OpCalls(failed=reason) for op in guilty or ops} | {
        op: OpCalls(failed=f"its process ended: {reason}")
        for op in ops
        if guilty and op not in guilty
    }


# --- in the child -----------------------------------------------------------------------------

Inputs = dict[str, list[dict[str, object]]]
"""Handle of an op to its inputs, item by item."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A target, ready to be called; ``modules`` were imported to load it."""

    loaded: LoadedTarget
    description: WorkloadDescription
    invocation: Invocation
    modules: int


@dataclass
class _Found:
    """What the calls of one op have told so far."""

    op: MappedOp
    calls: list[ItemSample] = field(default_factory=list)
    modules: int = 0
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    """One call; ``queued_s`` of its wall clock its thread was ready to run and had no core."""

    wall_s: float
    cpu_s: float
    queued_s: float
    outputs: dict[str, object]
    failed: str | None = None


def survey_tree(request: SurveyRequest) -> Survey:
    """Load, draw inputs, call each op once an item, count. Runs in a child."""
    with _opened(request) as opened:
        drawn = _drawn(request, opened)
        opened.invocation.start_resources()
        inputs: Inputs = {op.op.handle: [] for op in opened.description.mapped}
        found = {op.op.handle: _Found(op) for op in opened.description.mapped}
        for index, item in enumerate(drawn.items[: request.samples]):
            _survey_item(
                request,
                opened,
                index,
                item=item.inputs,
                fixed=drawn.fixed_inputs,
                inputs=inputs,
                found=found,
            )
        surveys = tuple(
            OpSurvey(
                each.op,
                tuple(each.calls),
                _repeat_s(opened, each, inputs[handle], request),
                opened.modules + each.modules,
                each.failed,
            )
            for handle, each in found.items()
        )
    return Survey(
        description=opened.description,
        items=drawn.total_items,
        ops=surveys,
        steps=_steps(opened.description, drawn.total_items),
        events=_events(opened.description, drawn.total_items),
        samples_kept=_keep(inputs, Path(request.samples_file)),
        reads_other=_reads(request.other_samples_file, opened.description),
        executions=sum(len(op.calls) + (op.repeat_s is not None) for op in surveys),
    )


def _survey_item(
    request: SurveyRequest,
    opened: _Opened,
    index: int,
    *,
    item: Mapping[str, object],
    fixed: Mapping[str, Mapping[str, object]],
    inputs: Inputs,
    found: Mapping[str, _Found],
) -> None:
    """Call the chain on one item; an op that failed is not called again."""
    from advisor.dagster_bridge.invocation import item_inputs

    results: dict[str, dict[str, object]] = {}
    for op in opened.description.mapped:
        each = found[op.op.handle]
        if each.failed is not None:
            return
        before = set(sys.modules)
        row = item_inputs(op, item, results, fixed)
        call = _called(opened.invocation, op, row, index, request.item_timeout_s)
        if call.failed is not None:
            each.failed = call.failed
            reason = f"`{op.op.handle}`, which it needs, failed"
            for later in list(found.values())[list(found).index(op.op.handle) + 1 :]:
                later.failed = later.failed or reason
            return
        if index == 0:
            each.modules = len(_foreign_modules(before))
        each.calls.append(
            ItemSample(
                item=index,
                key=None,
                wall_s=call.wall_s,
                cpu_s=call.cpu_s,
                peak_rss_bytes=0,
                input_bytes=_pickled_bytes(row),
                output_bytes=_pickled_bytes(call.outputs),
            )
        )
        inputs[op.op.handle].append(row)
        results[op.op.handle] = call.outputs


def _repeat_s(
    opened: _Opened, found: _Found, rows: Sequence[dict[str, object]], request: SurveyRequest
) -> float | None:
    """Seconds of a second call on the last item: much less where results are kept."""
    if found.failed is not None or len(rows) < 2 or found.calls[-1].wall_s < _SHORTEST_S:
        return None
    last = len(rows) - 1
    call = _called(opened.invocation, found.op, rows[last], last, request.item_timeout_s)
    return call.wall_s if call.failed is None else None


class _OtherGoneError(Exception):
    """The other process has ended before its time."""


class _Baton:
    """Whose turn it is. Both sides draw the same order and so need not agree on it."""

    def __init__(self, request: BatonRequest, side: Side) -> None:
        folder = Path(request.folder)
        self._side = side
        self._own = os.open(folder / side, os.O_RDWR)
        self._other = os.open(folder / _OTHER[side], os.O_RDWR)
        self._order = random.Random(request.seed)  # noqa: S311 - no secret
        self._last: Side | None = None
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def meet(self) -> None:
        """Wait until the other has come as far."""
        os.write(self._other, _TURN)
        self._wait()
        self._last = None

    def take(self, work: Callable[[], None]) -> None:
        """Do a turn's work while the other waits; the other does its own before or after it.

        Both begin it on the same core: of two idle ones each would keep its own, and cores that
        are shared with others differ by more than a regression.
        """
        first: Side = self._order.choice(("base", "head"))
        core = self._order.choice(self._cores) if self._cores else None
        for side in (first, _OTHER[first]):
            if side == self._side:
                if self._last not in (None, side):
                    self._wait()
                self._go_to(core)
                work()
            elif self._last == self._side:
                os.write(self._other, _TURN)
            self._last = side

    def _go_to(self, core: int | None) -> None:
        """Move this thread to a core. It and those that it starts may leave it at once."""
        if core is not None:
            with contextlib.suppress(OSError):
                usual = os.sched_getaffinity(0)
                os.sched_setaffinity(0, {core})
                os.sched_setaffinity(0, usual)

    def _wait(self) -> None:
        if os.read(self._own, 1) != _TURN:
            raise _OtherGoneError


def time_calls(request: TimingRequest) -> dict[str, OpCalls]:
    """Time the ops' calls, after one that is not timed. Runs in a child."""
    timed: dict[str, _Timed] = {}
    with _opened(request.survey) as opened, contextlib.suppress(_OtherGoneError):
        opened.invocation.start_resources()
        inputs = _inputs_for(request, opened)
        ops = {op.op.handle: op for op in opened.description.mapped}
        baton = request.baton and _Baton(request.baton, request.survey.tree.side)
        if baton:
            baton.meet()
        take = baton.take if baton else _at_once
        for handle in request.ops:
            op = timed[handle] = _Timed(
                opened.invocation,
                ops.get(handle),
                inputs.get(handle, ()),
                request.repeats[handle],
                request.survey.item_timeout_s,
            )
            take(op.warm)
            for turn in range(request.turns[handle]):
                take(partial(op.call, turn, request.turns[handle]))
        if baton:
            baton.meet()
    return {handle: op.told for handle, op in timed.items()}


def _at_once(work: Callable[[], None]) -> None:
    work()


class _Timed:
    """One op's timed calls; after a failure its turns are empty."""

    def __init__(
        self,
        invocation: Invocation,
        op: MappedOp | None,
        rows: Sequence[dict[str, object]],
        repeats: int,
        timeout_s: float,
    ) -> None:
        self._invocation, self._op, self._rows, self._timeout_s = invocation, op, rows, timeout_s
        # Where results are kept (one repeat), the call before the timed ones must not be on an
        # item that is timed; elsewhere every item is.
        kept = repeats == 1 and len(rows) > 1
        self._items = range(1, len(rows)) if kept else range(len(rows))
        self._calls = [item for _ in range(repeats) for item in self._items]
        self._calls_s: dict[int, list[float]] = {item: [] for item in self._items}
        self._failed = None if op and rows else "it has no sample inputs on this side"

    @property
    def told(self) -> OpCalls:
        """What the calls gave."""
        if self._failed is not None:
            return OpCalls(failed=self._failed)
        return OpCalls(tuple(map(tuple, self._calls_s.values())))

    def warm(self) -> None:
        """The call that is not timed."""
        gc.collect()
        self._called(0)

    def call(self, turn: int, turns: int) -> None:
        """The calls of one of so many turns."""
        count = len(self._calls)
        for item in self._calls[turn * count // turns : (turn + 1) * count // turns]:
            call = self._called(item)
            if call is not None:
                self._calls_s[item].append(max(call.wall_s - call.queued_s, _CLOCK_S))

    def _called(self, item: int) -> _Call | None:
        if self._failed is not None or self._op is None:
            return None
        call = _called(self._invocation, self._op, self._rows[item], item, self._timeout_s)
        self._failed = call.failed
        return call if call.failed is None else None


def _called(
    invocation: Invocation,
    op: MappedOp,
    row: Mapping[str, object],
    index: int,
    timeout_s: float,
) -> _Call:
    watch(f"`{op.op.handle}`, item {index},", timeout_s)
    try:
        prepared = invocation.prepare(op, row)
        queued, cpu, start = _queued_s(), time.process_time(), time.perf_counter()
        outputs = prepared.run()
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
        queued_s = _queued_s() - queued
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises
        return _Call(0.0, 0.0, 0.0, {}, _reason(error, op, index))
    finally:
        unwatch()
    return _Call(wall_s, cpu_s, min(queued_s, wall_s), outputs)


def _queued_s() -> float:
    """Seconds for which this thread has been ready to run while others had the cores.

    The second figure of the kernel's schedstat (Documentation/scheduler/sched-stats); 0 where
    the system does not tell. It is no property of the user's code, and on a busy machine it is
    most of the noise.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _reason(error: Exception, op: MappedOp, index: int) -> str:
    """Whose code raised what on which item, and where."""
    from advisor.dagster_bridge.user_frames import in_words, text_of

    if isinstance(error, DynadviseError):
        return error.without_texts
    told = f"`{op.op.handle}`, item {index}, raised {in_words(error)}"
    show_text(f"{told}: {text_of(error)}")
    return told


@contextlib.contextmanager
def _opened(request: SurveyRequest) -> Iterator[_Opened]:
    from advisor.dagster_bridge.invocation import open_invocation
    from advisor.dagster_bridge.structure import describe
    from advisor.dagster_bridge.target import load_target, parse_target

    folder = Path(request.tree.working_directory)
    reference = parse_target(request.target, job=request.job, working_directory=folder)
    before = set(sys.modules)
    loaded = load_target(reference)
    modules = len(_foreign_modules(before))
    description = describe(loaded, request.run_config)
    _refuse_foreign(description, request.tree)
    # In the parent's folder: this process may be killed before it can remove its own.
    kept = Path(request.samples_file).parent
    with (
        tempfile.TemporaryDirectory(prefix="storage-", dir=kept) as storage,
        open_invocation(loaded, description, request.run_config, Path(storage)) as invocation,
    ):
        yield _Opened(loaded, description, invocation, modules)


def _refuse_foreign(description: WorkloadDescription, tree: Tree) -> None:
    """An installed package would be timed twice and called unchanged: refuse."""
    if tree.foreign_root is None:
        return
    foreign = Path(tree.foreign_root).resolve()
    own = Path(tree.root).resolve()
    for op in description.mapped:
        if op.op.location is None:
            continue
        file = Path(op.op.location.file).resolve()
        if "site-packages" in file.parts:  # a library's op, in an environment inside the project
            continue
        if file.is_relative_to(foreign) and not file.is_relative_to(own):
            raise SideFailedError(
                f"For {tree.side}, `{op.op.handle}` was loaded from the other side's files.",
                where=str(op.op.location),
                hint="The project must be importable from its folder, not from an installed copy.",
            )


def _drawn(request: SurveyRequest, opened: _Opened) -> DrawnSamples:
    """The items: given by the user or by the op's tag, else what the fan-out op yields."""
    from advisor.dagster_bridge.sampling import (
        DrawnSamples,
        SampleItem,
        draw_samples,
        inputs_tag,
        read_inputs,
    )

    spec = request.inputs
    if spec is None and opened.description.fan_out is None:
        spec = inputs_tag(opened.description)
    watch("Drawing the samples", request.item_timeout_s)
    try:
        if spec is not None:
            folder = Path(request.tree.working_directory)
            rows = read_inputs(spec, opened.description, folder)
            return DrawnSamples([SampleItem(None, row) for row in rows], total_items=len(rows))
        return draw_samples(
            opened.loaded,
            opened.description,
            request.run_config,
            request.samples,
            Path(request.samples_file).parent,
        )
    finally:
        unwatch()


def _inputs_for(request: TimingRequest, opened: _Opened) -> Inputs:
    """The inputs that the survey kept; where it could not, drawn again."""
    from advisor.dagster_bridge.invocation import item_inputs

    if request.samples_file is not None:
        content = Path(request.samples_file).read_bytes()
        return cast("Inputs", pickle.loads(content))  # noqa: S301 - written by our own survey
    drawn = _drawn(request.survey, opened)
    inputs: Inputs = {op.op.handle: [] for op in opened.description.mapped}
    for item in drawn.items[: request.survey.samples]:
        results: dict[str, dict[str, object]] = {}
        for op in opened.description.mapped:
            row = item_inputs(op, item.inputs, results, drawn.fixed_inputs)
            inputs[op.op.handle].append(row)
            results[op.op.handle] = opened.invocation.call(op, row)
    return inputs


def _foreign_modules(before: set[str]) -> set[str]:
    """Modules imported since ``before``, without our own."""
    return {
        name for name in sys.modules if name not in before and not name.startswith(_OWN_PACKAGE)
    }


def _keep(inputs: Mapping[str, list[dict[str, object]]], file: Path) -> bool:
    try:
        file.write_bytes(pickle.dumps(dict(inputs), protocol=_PICKLE_PROTOCOL))
    except Exception:  # noqa: BLE001 - whatever __reduce__ raises
        file.unlink(missing_ok=True)
        return False
    return True


def _reads(file: str | None, description: WorkloadDescription) -> bool:
    """Whether the other side's inputs load here and fit the ops of the same name."""
    if file is None:
        return False
    try:
        rows = pickle.loads(Path(file).read_bytes())  # noqa: S301 - written by our own survey
    except Exception:  # noqa: BLE001 - classes that moved, whatever __setstate__ raises
        return False
    return all(
        set(row) <= set(op.inputs)
        for op in description.mapped
        for row in rows.get(op.op.handle, [])
    )


def _pickled_bytes(value: object) -> int:
    try:
        values = value.values() if isinstance(value, dict) else [value]
        return sum(len(pickle.dumps(part, protocol=_PICKLE_PROTOCOL)) for part in values)
    except Exception:  # noqa: BLE001 - whatever __reduce__ raises
        return 0


def _steps(description: WorkloadDescription, items: int) -> int | None:
    if description.fan_out is None:
        return None
    once = 1 + len(description.upstream) + len(description.collects) + description.other_steps
    return once + items * len(description.mapped)


def _events(description: WorkloadDescription, items: int) -> int | None:
    """Rows of a multiprocess run's event log, from the graph.

    A step has 7 (STEP_WORKER_STARTING, _STARTED, RESOURCE_INIT_STARTED, _SUCCESS, LOGS_CAPTURED,
    STEP_START, STEP_SUCCESS), two an input (LOADED_INPUT, STEP_INPUT) and two an output
    (STEP_OUTPUT, HANDLED_OUTPUT); the fan-out has an output an item, a collecting op loads them.
    """
    steps = _steps(description, items)
    if steps is None:
        return None
    mapped = sum(2 * len(op.inputs) + 2 * len(op.outputs) for op in description.mapped)
    return 7 * steps + items * (mapped + 2 + len(description.collects))
