"""How much items slow each other when several run at once, as threads and as processes.

Measured, not assumed: memory bandwidth, the GIL, a lock, or a remote that throttles all show.
Each probe is taken between two passes of the same items alone, so that a machine whose speed
drifts does not pass for contention.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import itertools
import multiprocessing
import pickle
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from advisor.domain.workload import ConcurrencyProbe, WorkerKind
from advisor.measure.supervisor import send_progress, unwatch, watch
from advisor.measure.worker import (
    PICKLE_PROTOCOL,
    Assignment,
    DrawnItems,
    Session,
    failure_in_words,
    session,
)

_WORKER_S = 0.25  # each worker should be at work at least this long, for short items
_MOST_ROUNDS = 50
_ALONE_ITEMS = 4
_ALONE_S = 1.0  # a pass alone takes no longer than this, but one item
_HEAD_START_S = 0.03  # for all workers to have read their order


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """What to probe.

    Attributes:
        workers: How many at once, one probe each, in this order.
        expected_s: Item to its seconds alone, as measured before; the items to use.
        most_s: Seconds after which no further probe begins.
        warm_up: Whether each process must call the chain once before it is timed.
        passes_alone: 2: before and after each probe; 1: before the first; 0: none, since an
            item takes long; ``expected_s`` then stands for it.
        forkable: Whether a process that has loaded the target and ``preload`` may be forked.
        start_timeout_s: Seconds after which workers that do not get ready hang.
        preload: Modules to import before any worker is forked.
    """

    assignment: Assignment
    drawn: DrawnItems
    kind: WorkerKind
    workers: tuple[int, ...]
    expected_s: Mapping[int, float]
    most_s: float
    warm_up: bool
    passes_alone: int = 2
    forkable: bool = False
    start_timeout_s: float = 120.0
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probed:
    """The probes, and how often the chain was run for them."""

    probes: tuple[ConcurrencyProbe, ...]
    executions: int


@dataclass(frozen=True, slots=True)
class _Timed:
    """One call of the chain: its item, seconds, and a digest of what came out."""

    item: int
    wall_s: float
    digest: str | None
    failed: str | None = None


def _digest(value: object) -> str | None:
    try:
        return hashlib.sha256(pickle.dumps(value, protocol=PICKLE_PROTOCOL)).hexdigest()
    except Exception:  # noqa: BLE001 - cannot be pickled, so cannot be compared
        return None


def _timed(opened: Session, item: int) -> _Timed:
    started = time.perf_counter()
    try:
        value = opened.call_chain(item)
    except BaseException as error:  # noqa: BLE001 - it is the probe's finding
        return _Timed(item, 0.0, None, failure_in_words(error))
    return _Timed(item, time.perf_counter() - started, _digest(value))


Run = Callable[[Sequence[Sequence[int]]], list[list[_Timed]]]
"""Runs lists of items, one list a worker, all at once."""


@dataclass
class _Comparison:
    """Passes alone and at once, and what follows from them."""

    order: ProbeOrder
    run: Run
    alone: dict[int, list[float]] = field(default_factory=dict)
    digests: dict[int, set[str | None]] = field(default_factory=dict)
    executions: int = 0

    def _alone_items(self) -> list[int]:
        """A few items that take a short time together; short ones again and again."""
        items: list[int] = []
        spent_s = 0.0
        few = min(_ALONE_ITEMS, len(self.order.expected_s))
        for item in itertools.islice(itertools.cycle(self._items()), _MOST_ROUNDS):
            spent_s += self.order.expected_s[item]
            enough = len(items) >= few and spent_s > _WORKER_S
            if items and (enough or spent_s > _ALONE_S):
                break
            items.append(item)
        return items

    def _items(self) -> list[int]:
        return list(self.order.expected_s)

    def pass_alone(self) -> str | None:
        """Run a few items one after another; the reason where that failed."""
        (timed,) = self.run([self._alone_items()])
        self.executions += len(timed)
        walls: dict[int, list[float]] = {}
        for entry in timed:
            if entry.failed:
                return entry.failed
            walls.setdefault(entry.item, []).append(entry.wall_s)
            self.digests.setdefault(entry.item, set()).add(entry.digest)
        for item, seen in walls.items():
            self.alone[item] = [*self.alone.get(item, [])[-1:], statistics.fmean(seen)]
        return None

    def lists(self, workers: int) -> tuple[tuple[int, ...], ...]:
        """The same items for ``workers`` at once, each worker with the next one."""
        items = self._items()
        typical_s = statistics.fmean(self.order.expected_s.values())
        most = _MOST_ROUNDS if workers <= 4 else 3
        rounds = max(1, min(most, round(_WORKER_S / max(typical_s, 1e-4))))
        if workers * typical_s * rounds > self.order.most_s:
            rounds = 1
        # every worker takes the items in turn, from a place of its own
        return tuple(
            tuple(items[(worker + turn) % len(items)] for turn in range(rounds))
            for worker in range(workers)
        )

    def probe(self, workers: int) -> ConcurrencyProbe:
        """Alone, at once, alone again; what came after the last probe comes before this one."""
        kind = self.order.kind
        needs_pass = self.order.passes_alone > 0 and not self.alone
        failed = self.pass_alone() if needs_pass else None
        if failed:
            return ConcurrencyProbe(kind, workers, 0.0, f"alone: {failed}")
        lists = self.lists(workers)
        self.executions += sum(map(len, lists))
        at_once = [entry for each in self.run(lists) for entry in each]
        raised = next((entry.failed for entry in at_once if entry.failed), None)
        if raised:
            return ConcurrencyProbe(kind, workers, 0.0, f"{workers} at once: {raised}")
        failed = self.pass_alone() if self.order.passes_alone > 1 else None
        if failed:
            return ConcurrencyProbe(kind, workers, 0.0, f"afterwards: {failed}")
        if self._differs(at_once):
            reason = f"results differ when {workers} run at once"
            return ConcurrencyProbe(kind, workers, 0.0, reason)
        drift = self._drift()
        expected_s = sum(self._alone_s(entry.item, drift) for entry in at_once)
        slowdown = sum(entry.wall_s for entry in at_once) / expected_s
        return ConcurrencyProbe(kind, workers, slowdown, items=lists)

    def _drift(self) -> float:
        """This child's speed alone now, over that of the first child."""
        if not self.alone:
            return 1.0
        now_s = sum(statistics.fmean(walls) for walls in self.alone.values())
        return now_s / sum(self.order.expected_s[item] for item in self.alone)

    def _alone_s(self, item: int, drift: float) -> float:
        walls = self.alone.get(item)
        return statistics.fmean(walls) if walls else self.order.expected_s[item] * drift

    def _differs(self, at_once: Sequence[_Timed]) -> bool:
        """Whether an item whose result alone is always the same gave another one at once."""
        for entry in at_once:
            alone = self.digests.get(entry.item, set())
            if len(alone) == 1 and None not in alone and entry.digest not in alone:
                return True
        return False


def probe(order: ProbeOrder) -> Probed:
    """Take the probes of one kind; each is also sent as progress, lest a later hang loses it."""
    start = _process_pool if order.kind == "process" else _thread_pool
    with start(order) as run:
        comparison = _Comparison(order, run)
        began = time.perf_counter()
        probes: list[ConcurrencyProbe] = []
        last_s = 0.0
        for workers in order.workers:
            if probes and time.perf_counter() - began + last_s > order.most_s:
                continue
            started = time.perf_counter()
            send_progress({"probing": workers})
            probes.append(comparison.probe(workers))
            send_progress({"probe": asdict(probes[-1]), "executions": comparison.executions})
            last_s = time.perf_counter() - started
            if probes[-1].failed:
                break
        warm = max(order.workers) if order.kind == "process" else 1
        executions = comparison.executions + (warm if order.warm_up else 0)
        return Probed(tuple(probes), executions)


@contextlib.contextmanager
def _thread_pool(order: ProbeOrder) -> Iterator[Run]:
    """Workers that are threads of this process, which share one set of resources."""
    with session(order.assignment, drawn=order.drawn, preload=order.preload) as opened:
        if order.warm_up:
            opened.call_chain(next(iter(order.expected_s)))
        opened.quiet = True  # one message for all workers instead of one a call

        def work(items: Sequence[int], gate: threading.Barrier) -> list[_Timed]:
            gate.wait()
            return [_timed(opened, item) for item in items]

        def run(lists: Sequence[Sequence[int]]) -> list[list[_Timed]]:
            gate = threading.Barrier(len(lists))
            rounds = max(len(items) for items in lists)
            watch(f"{len(lists)} threads at once", order.assignment.item_timeout_s * rounds)
            with ThreadPoolExecutor(len(lists)) as pool:
                results = list(pool.map(work, lists, [gate] * len(lists)))
            unwatch()
            return results

        yield run


@contextlib.contextmanager
def _process_pool(order: ProbeOrder) -> Iterator[Run]:
    """Workers that are processes, each with the target loaded and its own resources started.

    They are forked from this process where that is safe, which costs nothing; else they are
    started anew, since a fork with threads may deadlock.
    """
    if order.forkable:
        from advisor.dagster_bridge.target import load_target

        watch("loading the target")
        load_target(order.assignment.description.target)
        for module in order.preload:
            importlib.import_module(module)
        unwatch()
    context = multiprocessing.get_context("fork" if order.forkable else "spawn")
    workers: list[tuple[BaseProcess, Connection]] = []
    try:
        for _ in range(max(order.workers)):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(order, theirs))  # type: ignore[attr-defined]
            process.start()
            theirs.close()
            workers.append((process, ours))
        timeout_s = order.assignment.item_timeout_s
        watch("starting the processes", order.start_timeout_s)
        started = [entry for worker in workers for entry in _receive(*worker)]
        unwatch()

        def run(lists: Sequence[Sequence[int]]) -> list[list[_Timed]]:
            if started:  # only failures are answered here
                return [started]
            rounds = max(len(items) for items in lists)
            watch(f"{len(lists)} processes at once", timeout_s * rounds)
            begin = time.monotonic() + _HEAD_START_S
            chosen = workers[: len(lists)]
            for (_, connection), items in zip(chosen, lists, strict=True):
                connection.send((begin, list(items)))
            results = [_receive(process, connection) for process, connection in chosen]
            unwatch()
            return results

        yield run
        for _, connection in workers:
            connection.send(None)
        for process, _ in workers:
            process.join(5)
    finally:
        for process, _ in workers:
            process.kill()


def _receive(process: BaseProcess, connection: Connection) -> list[_Timed]:
    try:
        answer = connection.recv()
    except EOFError:
        process.join(1)
        return [_Timed(0, 0.0, None, f"a process ended with status {process.exitcode}")]
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
            while (told := connection.recv()) is not None:
                begin, items = told
                time.sleep(max(0.0, begin - time.monotonic()))
                connection.send([_timed(opened, item) for item in items])
    except BaseException as error:  # noqa: BLE001 - it is the probe's finding
        with contextlib.suppress(OSError):
            connection.send([_Timed(0, 0.0, None, failure_in_words(error))])


def _without_hooks(assignment: Assignment) -> Assignment:
    return replace(assignment, setup=None, teardown=None)
