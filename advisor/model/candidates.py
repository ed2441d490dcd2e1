"""Which ways to run are considered at all, and how simple each one is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from advisor.domain.advice import Environment
from advisor.domain.candidate import Candidate, Launch
from advisor.domain.overhead import OverheadModel
from advisor.domain.workload import WorkerKind
from advisor.model.contention import Contention

MAX_CONCURRENT = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
WORKERS = (2, 4, 8, 16, 32, 64)
BATCHES_PER_SLOT = (1, 2, 4)
"""One batch a slot spends least on steps; more even out uneven items."""

USEFUL_GAIN = 1.03
"""More workers are considered only while they raise the throughput by this factor."""

LOOP_CONCURRENT = (4, 8, 16, 32, 64, 100)
"""Steps at once on an event loop; what is asked more at once should agree to it first."""

_KINDS: tuple[WorkerKind, ...] = ("thread", "process")


@dataclass(frozen=True, slots=True)
class WorkerChoice:
    """Which workers inside a step are worth considering.

    Attributes:
        contention: How much workers slow each other.
        cores: Effective cores; more than twice as many processes never help.
        processes_possible: False where what the op handles cannot be pickled, or the job cannot be
            rebuilt in another process.
        cap: Most items that may be in work at once (a pool, connections); None: no limit.
    """

    contention: Contention
    cores: float
    processes_possible: bool = True
    cap: int | None = None

    def counts(self, kind: WorkerKind, batch_size: int) -> list[int]:
        """Numbers of workers for batches of a size, fewest first."""
        most = batch_size
        if kind == "process":
            most = min(batch_size, max(2, round(2 * self.cores)))
            if not self.processes_possible:
                return []
        most = most if self.cap is None else min(most, self.cap)
        counts = [count for count in WORKERS if count <= most]
        if kind == "thread" and 1 < most <= max(WORKERS) and most not in counts:
            counts = sorted([*counts, most])
        useful: list[int] = []
        best = 1.0
        for count in counts:
            throughput = count / self.contention.slowdown(kind, count, self.cores)
            if throughput < best * USEFUL_GAIN:
                break
            best = throughput
            useful.append(count)
        return useful


def _serial(items: int, workers: WorkerChoice) -> Iterator[Candidate]:
    launches: tuple[Launch, ...] = ("execute_in_process", "execute_job")
    for launch in launches:
        plain = Candidate(launch, "in_process")
        yield plain
        if items > 1:
            yield from _batched(plain, items, workers)


def _batched(
    plain: Candidate, batch_size: int, workers: WorkerChoice, kinds: Sequence[WorkerKind] = _KINDS
) -> Iterator[Candidate]:
    """``plain`` with batches, and with each useful number of workers inside a step."""
    yield replace(plain, batch_size=batch_size)
    for kind in kinds:
        for count in workers.counts(kind, batch_size):
            yield replace(plain, batch_size=batch_size, workers_in_op=count, worker_kind=kind)


def in_batches(plain: Candidate, items: int, workers: WorkerChoice) -> Iterator[Candidate]:
    """``plain`` with a few batches for each of its slots, alone and with threads in a step."""
    sizes = {-(-items // (plain.max_concurrent * per_slot)) for per_slot in BATCHES_PER_SLOT}
    for size in sorted(size for size in sizes if size > 1):
        yield from _batched(plain, size, workers, ("thread",))


def start_methods(overhead: OverheadModel, preload: tuple[str, ...]) -> tuple[Candidate, ...]:
    """The multiprocess ways that are calibrated, one step at a time, dearest steps first."""
    ways = {
        "spawn": Candidate("execute_job", "multiprocess", "spawn"),
        "forkserver": Candidate("execute_job", "multiprocess", "forkserver"),
    }
    if preload:
        ways["warm_forkserver"] = replace(ways["forkserver"], preload_modules=preload)
    calibrated = set(overhead.multiprocess).difference(overhead.estimated)
    return tuple(way for name, way in ways.items() if name in calibrated)


def _parallel(
    items: int, workers: WorkerChoice, overhead: OverheadModel, preload: tuple[str, ...]
) -> Iterator[Candidate]:
    ways = start_methods(overhead, preload)
    for way in ways:
        for slots in sorted({*MAX_CONCURRENT, workers.cap or 1}):
            if slots > max(1, items):
                break
            plain = replace(way, max_concurrent=slots)
            yield plain
            # Batches are for the start method with the cheapest steps.
            if way is ways[-1] and slots <= max(4.0, 2 * workers.cores):
                yield from in_batches(plain, items, workers)


def on_event_loop(items: int) -> tuple[Candidate, ...]:
    """The ways to run asynchronous ops on one event loop (``dagster-async-executor``)."""
    counts = [count for count in LOOP_CONCURRENT if count < items]
    if 1 < items <= LOOP_CONCURRENT[-1]:
        counts.append(items)
    return tuple(Candidate("execute_job", "async", max_concurrent=count) for count in counts)


def all_candidates(
    items: int,
    *,
    overhead: OverheadModel,
    preload: tuple[str, ...],
    workers: WorkerChoice,
    asynchronous: bool = False,
) -> tuple[Candidate, ...]:
    """Every candidate for ``items`` items.

    Args:
        overhead: Only calibrated start methods are considered.
        preload: The warm preload list; empty where there is none.
        workers: Which workers inside a step the op allows, and whether steps can have processes.
        asynchronous: Whether every mapped op is asynchronous, so that steps can share a loop.
    """
    ways = list(_serial(items, workers))
    if asynchronous:
        ways.extend(on_event_loop(items))
    if workers.processes_possible:
        ways.extend(_parallel(items, workers, overhead, preload))
    return tuple(dict.fromkeys(ways))


def allowed_in(candidate: Candidate, environment: Environment) -> bool:
    """Whether an environment may be advised this way.

    ``execute_in_process`` ignores the job's executor and IO manager and leaves no run behind, so
    it is for development and tests.
    """
    if environment == "dev":
        return True
    if candidate.launch == "execute_in_process":
        return environment == "test"
    return True


def complexity(candidate: Candidate) -> tuple[int, int, int, int, int]:
    """Order of simplicity: the smaller of two is the simpler way to run."""
    return (
        int(candidate.needs_code) + int(candidate.is_batched),
        int(candidate.executor != "in_process"),
        int(candidate.is_warm)
        + int(candidate.start_method == "forkserver")
        + int(candidate.op_threads is not None),
        int(candidate.workers_in_op > 1) + int(candidate.worker_kind == "process"),
        candidate.max_concurrent * candidate.workers_in_op,
    )
