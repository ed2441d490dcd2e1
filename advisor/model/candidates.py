"""Which ways to run are considered at all, and how simple each one is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.domain.advice import Environment
from advisor.domain.candidate import Candidate
from advisor.domain.host import OverheadModel
from advisor.domain.workload import WorkerKind

MAX_CONCURRENT = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
WORKERS = (2, 4, 8, 16, 32, 64)
BATCHES_PER_SLOT = (1, 2, 4)
"""One batch a slot spends least on steps; more even out uneven items."""


def _serial(items: int, kinds: Sequence[WorkerKind], cores: float) -> Iterator[Candidate]:
    for launch in ("execute_in_process", "execute_job"):
        plain = Candidate(launch, "in_process")  # type: ignore[arg-type]
        yield plain
        if items < 2:
            continue
        yield _with(plain, batch_size=items)
        for kind in kinds:
            for workers in _worker_counts(kind, items, cores):
                yield _with(plain, batch_size=items, workers_in_op=workers, worker_kind=kind)


def _worker_counts(kind: WorkerKind, batch_size: int, cores: float) -> list[int]:
    most = batch_size if kind == "thread" else min(batch_size, max(2, round(2 * cores)))
    counts = [workers for workers in WORKERS if workers <= most]
    if kind == "thread" and 1 < batch_size <= max(WORKERS) and batch_size not in counts:
        counts.append(batch_size)
    return counts


def _with(
    plain: Candidate,
    *,
    batch_size: int = 1,
    workers_in_op: int = 1,
    worker_kind: WorkerKind | None = None,
) -> Candidate:
    return Candidate(
        plain.launch,
        plain.executor,
        plain.start_method,
        plain.preload_modules,
        plain.max_concurrent,
        batch_size,
        workers_in_op,
        worker_kind,
    )


def _parallel(
    items: int,
    kinds: Sequence[WorkerKind],
    overhead: OverheadModel,
    preload: tuple[str, ...],
    cores: float,
) -> Iterator[Candidate]:
    methods: list[Candidate] = []
    if "spawn" in overhead.multiprocess:
        methods.append(Candidate("execute_job", "multiprocess", "spawn"))
    if "forkserver" in overhead.multiprocess:
        methods.append(Candidate("execute_job", "multiprocess", "forkserver"))
    if "warm_forkserver" in overhead.multiprocess and preload:
        methods.append(Candidate("execute_job", "multiprocess", "forkserver", preload))
    for method in methods:
        for slots in MAX_CONCURRENT:
            if slots > items and slots > 1:
                break
            plain = Candidate(
                "execute_job", "multiprocess", method.start_method, method.preload_modules, slots
            )
            yield plain
            sizes = {-(-items // (slots * per_slot)) for per_slot in BATCHES_PER_SLOT}
            for size in sorted(size for size in sizes if size > 1):
                yield _with(plain, batch_size=size)
                for kind in kinds:
                    if kind == "process":
                        continue
                    for workers in _worker_counts(kind, size, cores):
                        yield _with(plain, batch_size=size, workers_in_op=workers, worker_kind=kind)


def all_candidates(
    items: int,
    *,
    overhead: OverheadModel,
    preload: tuple[str, ...],
    cores: float,
    worker_kinds: Sequence[WorkerKind],
    processes_possible: bool,
) -> tuple[Candidate, ...]:
    """Every candidate for ``items`` items on a machine with ``cores``.

    Args:
        items: Items of the run.
        overhead: Only calibrated start methods are considered.
        preload: The warm preload list; empty where there is none.
        cores: Effective cores.
        worker_kinds: Kinds of worker that the op allows inside a step.
        processes_possible: False where what the op handles cannot be pickled or the job cannot
            be rebuilt in another process.
    """
    kinds = [k for k in worker_kinds if k == "thread" or processes_possible]
    found = list(_serial(items, kinds, cores))
    if processes_possible:
        found.extend(_parallel(items, kinds, overhead, preload, cores))
    return tuple(dict.fromkeys(found))


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


def complexity(candidate: Candidate) -> tuple[int, int, int, int, int, int]:
    """Order of simplicity: the smaller of two is the simpler way to run."""
    return (
        int(candidate.needs_code),
        int(candidate.executor != "in_process"),
        int(candidate.is_warm) + int(candidate.start_method == "forkserver"),
        int(candidate.workers_in_op > 1) + int(candidate.worker_kind == "process"),
        candidate.max_concurrent * candidate.workers_in_op,
        candidate.batch_size,
    )
