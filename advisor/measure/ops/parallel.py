"""Workers that run items in parallel for a probe: threads of one process, or processes."""

import contextlib
import importlib
import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from advisor.dagster_bridge.process_usage import unshared_bytes
from advisor.dagster_bridge.user_frames import in_words, text_of, type_in_words
from advisor.domain.workload import WorkerKind
from advisor.measure.ops.orders import Assignment, DrawnItems
from advisor.measure.ops.results import Parts, parts_of
from advisor.measure.ops.session import Session, session
from advisor.measure.supervisor import unwatch, watch

_HEAD_START_S = 0.03  # for all workers to have read their order
_SWITCH_S = 2e-5  # between switches, for each thread: 2 to 8 that compute took as long as without


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """What to probe.

    Attributes:
        workers: How many at once.
        expected_s: Item to its seconds alone, as measured before; the items to use.
        most_s: Seconds that a worker's items may take before each is run once only.
        warm_up: Whether each process must call the chain once before it is timed.
        passes_alone: 2: before and after; 1: before; 0: none, since an item takes long;
            ``expected_s`` then stands for it.
        forkable: Whether a process that has loaded the target and ``preload`` may be forked.
        start_timeout_s: Seconds after which workers that do not get ready hang.
        preload: Modules to import before any worker is forked.
        results: Item to what its calls alone gave so far.
    """

    assignment: Assignment
    drawn: DrawnItems
    kind: WorkerKind
    workers: int
    expected_s: Mapping[int, float]
    most_s: float
    warm_up: bool
    passes_alone: int = 2
    forkable: bool = False
    start_timeout_s: float = 120.0
    preload: tuple[str, ...] = ()
    results: Mapping[int, Sequence[Parts]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timed:
    """One call of the chain: its item, seconds, and the parts of what came out.

    ``failed`` is the type of what was raised, ``evidence`` its message and place.
    """

    item: int
    wall_s: float
    result: Parts
    failed: str | None = None
    evidence: str = ""


def _failure(item: int, error: BaseException) -> Timed:
    evidence = f"{in_words(error)}: {text_of(error)}"
    return Timed(item, 0.0, {}, type_in_words(error), evidence)


def _timed(opened: Session, item: int) -> Timed:
    started = time.perf_counter()
    try:
        value = opened.call_chain(item)
    except BaseException as error:  # noqa: BLE001 - it is the probe's finding
        return _failure(item, error)
    return Timed(item, time.perf_counter() - started, parts_of(value))


class Workers(Protocol):
    """Workers of one kind, that run lists of items, one list a worker, all in parallel."""

    warmed: int  # how often the chain was run before it was timed
    forked_rss_bytes: int  # most that a process has of its own after its fork; 0: none was forked

    def run(self, lists: Sequence[Sequence[int]]) -> list[list[Timed]]:
        """What each worker's calls took and gave."""


class _Threads:
    """Workers that are threads of this process, which share one set of resources."""

    def __init__(self, order: ProbeOrder, opened: Session) -> None:
        self.order, self.opened, self.warmed = order, opened, 0
        self.forked_rss_bytes = 0
        if order.warm_up:
            opened.call_chain(next(iter(order.expected_s)))
            self.warmed = 1
        opened.quiet = True  # one message for all workers instead of one a call

    def run(self, lists: Sequence[Sequence[int]]) -> list[list[Timed]]:
        """Each list in a thread of its own."""
        gate = threading.Barrier(len(lists))

        def work(items: Sequence[int]) -> list[Timed]:
            gate.wait()
            return [_timed(self.opened, item) for item in items]

        rounds = max(len(items) for items in lists)
        watch(f"{len(lists)} threads in parallel", self.order.assignment.item_timeout_s * rounds)
        with _switching_often(len(lists)), ThreadPoolExecutor(len(lists)) as pool:
            results = list(pool.map(work, lists))
        unwatch()
        return results


@contextlib.contextmanager
def _switching_often(workers: int) -> Iterator[None]:
    """Let threads interrupt each other far more often, so that what they share shows in results.

    By default Python code of less than 5 ms runs through, and a race is seen once in a thousand
    items. A thread that waits looks at each interval: many look as often as few.
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(min(before_s, _SWITCH_S * workers))
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


@contextlib.contextmanager
def threads(order: ProbeOrder) -> Iterator[Workers]:
    """Threads that are ready to run items."""
    with session(order.assignment, drawn=order.drawn, preload=order.preload) as opened:
        yield _Threads(order, opened)


class _Processes:
    """Workers that are processes, each with the target loaded and its own resources started.

    They are forked from this process where that is safe, which costs nothing; else they are
    started anew, since a fork with threads may deadlock. As many are started as are needed.
    """

    def __init__(self, order: ProbeOrder) -> None:
        self.order, self.warmed, self.forked_rss_bytes = order, 0, 0
        self.context = multiprocessing.get_context("fork" if order.forkable else "spawn")
        self.workers: list[tuple[BaseProcess, Connection]] = []

    def _grow(self, count: int) -> list[Timed]:
        """Start workers until there are ``count``; what failed meanwhile."""
        fresh: list[tuple[BaseProcess, Connection]] = []
        for _ in range(count - len(self.workers)):
            ours, theirs = self.context.Pipe()
            process = self.context.Process(target=_serve, args=(self.order, theirs))  # type: ignore[attr-defined]
            process.start()
            theirs.close()
            fresh.append((process, ours))
        self.workers += fresh
        self.warmed += len(fresh) if self.order.warm_up else 0
        if not fresh:
            return []
        watch("starting the processes", self.order.start_timeout_s)
        failed = [entry for worker in fresh for entry in _receive(*worker)]
        unwatch()
        if self.order.forkable:
            own = (unshared_bytes(process.pid or 0) for process, _ in fresh)
            self.forked_rss_bytes = max(self.forked_rss_bytes, *own)
        return failed

    def run(self, lists: Sequence[Sequence[int]]) -> list[list[Timed]]:
        """Each list in a process of its own."""
        if failed := self._grow(len(lists)):
            return [failed]
        rounds = max(len(items) for items in lists)
        watch(f"{len(lists)} processes in parallel", self.order.assignment.item_timeout_s * rounds)
        begin = time.monotonic() + _HEAD_START_S
        chosen = self.workers[: len(lists)]
        for (_, connection), items in zip(chosen, lists, strict=True):
            connection.send((begin, list(items)))
        results = [_receive(process, connection) for process, connection in chosen]
        unwatch()
        return results


@contextlib.contextmanager
def processes(order: ProbeOrder) -> Iterator[Workers]:
    """Processes that are ready to run items; they end with the block."""
    if order.forkable:
        from advisor.dagster_bridge.instances import import_instances
        from advisor.dagster_bridge.target import load_target

        watch("loading the target")
        load_target(order.assignment.description.target)
        import_instances()
        for module in order.preload:
            importlib.import_module(module)
        unwatch()
    pool = _Processes(order)
    try:
        yield pool
        for _, connection in pool.workers:
            with contextlib.suppress(OSError):  # one that has ended already
                connection.send(None)
        for process, _ in pool.workers:
            process.join(5)
    finally:
        for process, _ in pool.workers:
            process.kill()


def _receive(process: BaseProcess, connection: Connection) -> list[Timed]:
    try:
        answer = connection.recv()
    except EOFError:
        process.join(1)
        ended = f"exit status {process.exitcode}"
        return [Timed(0, 0.0, {}, ended, f"a process ended with {ended}")]
    assert isinstance(answer, list)
    return answer


def _serve(order: ProbeOrder, connection: Connection) -> None:
    """Inside a worker process: run items as told, from the same moment as the others."""
    try:
        with session(
            _without_hooks(order.assignment), drawn=order.drawn, preload=order.preload
        ) as opened:
            if order.warm_up:
                opened.call_chain(next(iter(order.expected_s)))
            connection.send([])
            while (message := connection.recv()) is not None:
                begin, items = message
                time.sleep(max(0.0, begin - time.monotonic()))
                connection.send([_timed(opened, item) for item in items])
    except BaseException as error:  # noqa: BLE001 - it is the probe's finding
        with contextlib.suppress(OSError):
            connection.send([_failure(0, error)])


def _without_hooks(assignment: Assignment) -> Assignment:
    return replace(assignment, setup=None, teardown=None)
