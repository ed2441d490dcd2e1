"""Where the time of an item goes: one pass under pyinstrument, in a process of its own.

pyinstrument knows the stacks; whether the process was computing or waiting is measured beside
it, by the CPU time that passed between two samples.
"""

import inspect
import pickle
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.dagster_bridge.user_frames import Frame, is_user_file
from advisor.domain.work_kind import mostly_waits
from advisor.domain.workload import Hotspot, HotspotCategory
from advisor.measure.ops.drawn import PICKLE_PROTOCOL
from advisor.measure.ops.orders import Assignment, DrawnItems
from advisor.measure.ops.session import session
from advisor.measure.ops.stack_samples import StackSample, StackSampler

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
            results: dict[str, Mapping[str, object]] = {}
            for op in opened.reached(results):
                inputs = opened.inputs_of(op, item, results)
                results[op.handle] = opened.call(op, inputs, item)
                serialize(results[op.handle])
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
