"""Where the time of an item goes: one pass under pyinstrument, in a process of its own.

pyinstrument knows the stacks; whether the process was computing or waiting is measured beside
it, by the CPU time that passed between two samples. This is the one file that touches it: a test
pins the two internals that it needs, the method by which the sampler hands a stack over, and the
form of the identifiers of frames.
"""

import inspect
import pickle
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from advisor.dagster_bridge.process_usage import delayed_by_others_s
from advisor.dagster_bridge.user_frames import Frame, is_user_file
from advisor.domain.work_kind import mostly_waits
from advisor.domain.workload import Hotspot, HotspotCategory
from advisor.measure.ops.drawn import PICKLE_PROTOCOL
from advisor.measure.ops.orders import Assignment, DrawnItems
from advisor.measure.ops.session import session

CATEGORIES: tuple[HotspotCategory, ...] = (
    "user code",
    "imports",
    "waiting",
    "serialization",
    "libraries",
)
_SERIALIZERS = {"pickle", "_pickle", "copyreg", "json", "cloudpickle", "marshal"}
_SERIALIZING = {"dump", "dumps", "load", "loads"}
_MOST_HOTSPOTS = 10
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class StackSample:
    """One sample: the stack, outermost frame first, its wall seconds and CPU seconds.

    A frame's line is the one being executed (0: a C function).
    ``cpu_s`` is CPU time of the process, and the time for which it could have run but found no
    free core.
    """

    stack: tuple[Frame, ...]
    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class HotspotOrder:
    """What to profile: items in this order, for ``most_s`` seconds after the first.

    ``interval_s`` is pyinstrument's.
    """

    assignment: Assignment
    drawn: DrawnItems
    items: tuple[int, ...]
    most_s: float
    interval_s: float = 0.001
    html: bool = False


@dataclass(frozen=True, slots=True)
class HotspotResult:
    """Hot spots, hottest first, and the share of each category; shares are of the wall clock."""

    hotspots: tuple[Hotspot, ...]
    category_shares: dict[str, float]
    executions: int
    html: str | None = None


def profile_items(order: HotspotOrder) -> HotspotResult:
    """Run items under pyinstrument in this process: its first call and some later ones."""
    with session(order.assignment, drawn=order.drawn) as opened:
        sampler = StackSampler(order.interval_s)
        deadline = float("inf")
        sampler.start(inspect.currentframe())
        for item in order.items:
            for _, _, outputs in opened.calls(item):
                serialize(outputs)
            deadline = min(deadline, time.perf_counter() + order.most_s)
            if time.perf_counter() >= deadline:
                break
        hotspots, shares = hottest(
            sampler.stop(), _own_directories(order.assignment), _awaiting(order.assignment)
        )
        return HotspotResult(
            hotspots,
            shares,
            opened.executions,
            sampler.html() if order.html else None,
        )


def serialize(outputs: object) -> None:
    """Pickle the outputs as an IO manager would, so that the profile shows its share."""
    try:
        pickle.dumps(outputs, protocol=PICKLE_PROTOCOL)
    except Exception:  # noqa: BLE001 - reported elsewhere
        return


def _own_directories(assignment: Assignment) -> tuple[str, ...]:
    """Folders of the package that holds the ops, the user's even where it is installed."""
    folders = set()
    for op in assignment.description.mapped:
        if op.location:
            folder = Path(op.location.file).resolve().parent
            while (folder.parent / "__init__.py").exists():
                folder = folder.parent
            if (folder / "__init__.py").exists():
                folders.add(f"{folder}/")
    return tuple(sorted(folders))


def _place(stack: Sequence[Frame], own: tuple[str, ...]) -> Frame | None:
    """The innermost frame of the user's code."""
    return next((frame for frame in reversed(stack) if is_user_file(frame.file, own)), None)


def _category(stack: Sequence[Frame], own: tuple[str, ...]) -> HotspotCategory:
    """What a stack that computes is doing."""
    if any(frame.file == "<frozen importlib._bootstrap>" for frame in stack):
        return "imports"
    inner = [frame for frame in stack if not frame.file.startswith("<built-in")]
    if any(Path(frame.file).stem in _SERIALIZERS for frame in stack[-8:]):
        return "serialization"
    if stack and stack[-1] not in inner and stack[-1].function in _SERIALIZING:
        return "serialization"
    if inner and is_user_file(inner[-1].file, own):
        return "user code"
    return "libraries"


def _awaiting(assignment: Assignment) -> Frame | None:
    """The op to which waiting in an event loop belongs: the first that is ``async def``."""
    for op in assignment.description.mapped:
        if op.is_async and op.location:
            return Frame(op.location.file, op.location.line, op.name)
    return None


def hottest(
    samples: Sequence[StackSample],
    own: tuple[str, ...] = (),
    awaiting: Frame | None = None,
) -> tuple[tuple[Hotspot, ...], dict[str, float]]:
    """Hot spots and the share of each category.

    A hot spot is a function of the user's, at its hottest line, with what happens there or below.
    A sample is split into computing and waiting by its CPU time, but only at places that wait
    most of the time, so that a busy machine does not make computing look like waiting. What is
    not below any of the user's functions counts in the shares alone; ``awaiting`` is where the
    waiting of an event loop belongs, which has no function of theirs on its stack.
    """
    total_s = sum(sample.wall_s for sample in samples) or 1.0
    by_place: dict[tuple[Frame, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for sample in samples:
        both = by_place[sample.stack]
        both[0] += sample.wall_s
        both[1] += min(sample.cpu_s, sample.wall_s)
    shares: dict[str, float] = dict.fromkeys(CATEGORIES, 0.0)
    spots: dict[tuple[str, str, HotspotCategory], dict[int, float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for stack, (wall_s, cpu_s) in by_place.items():
        category = _category(stack, own)
        waits = category != "imports" and mostly_waits(cpu_s / wall_s)
        waiting_s = wall_s - cpu_s if waits else 0.0
        place = _place(stack, own)
        parts: tuple[tuple[HotspotCategory, float], ...] = (
            (category, wall_s - waiting_s),
            ("waiting", waiting_s),
        )
        for kind, seconds in parts:
            shares[kind] += seconds / total_s
            named = place or (awaiting if kind == "waiting" else None)
            if named is not None:
                spots[(named.file, named.function, kind)][named.line] += seconds
    hotspots = []
    for (file, function, kind), lines in spots.items():
        share = sum(lines.values()) / total_s
        hottest_line = max(lines, key=lambda line: lines[line])
        if share >= _LEAST_SHARE:
            where = f"{Path(file).name}:{hottest_line} {function}"
            hotspots.append(Hotspot(where, share, kind))
    hotspots.sort(key=lambda spot: -spot.share)
    return tuple(hotspots[:_MOST_HOTSPOTS]), shares


class StackSampler:
    """Samples the stacks of this thread, every ``interval_s`` seconds, until it is stopped."""

    def __init__(self, interval_s: float) -> None:
        from pyinstrument import Profiler

        # An op's event loop runs inside the profiled call, so it needs no async mode.
        self._profiler = Profiler(interval=interval_s, async_mode="disabled")
        self._cpu_s: list[float] = []
        self._last_s = 0.0
        take_stack = self._profiler._sampler_saw_call_stack

        def take_cpu_and_stack(*arguments: object) -> None:
            self._cpu_s.append(_busy_s() - self._last_s)
            take_stack(*arguments)  # type: ignore[arg-type]
            self._last_s = _busy_s()

        self._profiler._sampler_saw_call_stack = take_cpu_and_stack  # type: ignore[assignment,method-assign]

    def start(self, caller: FrameType | None) -> None:
        """Begin; ``caller`` is the frame below which stacks are told."""
        self._profiler.start(caller_frame=caller)
        self._last_s = _busy_s()

    def stop(self) -> list[StackSample]:
        """End, and give the samples in their order."""
        records = self._profiler.stop().frame_records
        return [
            StackSample(_frames(stack), wall_s, cpu_s)
            for (stack, wall_s), cpu_s in zip(records, self._cpu_s, strict=False)
        ]

    def html(self) -> str:
        """Pyinstrument's own page of the samples."""
        return self._profiler.output_html()


def _busy_s() -> float:
    """Seconds of work of this process so far."""
    return time.process_time() + delayed_by_others_s()


def _frames(stack: Iterable[str]) -> tuple[Frame, ...]:
    """Read pyinstrument's frame identifiers: function, file, first line, attributes."""
    frames = []
    for identifier in stack:
        function, file, rest = identifier.split("\x00", 2)
        if file == "<thread>":
            continue
        first_line, *attributes = rest.replace("\x00", "\x01").split("\x01")
        lines = [each[1:] for each in attributes if each[:1] == "l" and each[1:].isdigit()]
        line = int(next(iter(lines), "0")) or (int(first_line) if first_line.isdigit() else 0)
        frames.append(Frame(file, line, function))
    return tuple(frames)
