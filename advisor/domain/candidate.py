"""One way to run the workload, and how a user writes it: ``warm:4:batch=8``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from advisor.domain.errors import ConfigurationError
from advisor.domain.executor_setting import StartMethod
from advisor.domain.workload import WorkerKind

Launch = Literal["execute_in_process", "execute_job", "cli", "daemon"]
Executor = Literal[
    "in_process", "multiprocess", "async", "k8s", "docker", "celery", "celery_k8s", "ecs", "ray",
    "delegating", "dask", "other",
]  # fmt: skip


THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Of the environment: how many threads the math libraries compute on."""


def name_in_words(name: str) -> str:
    """A method, or what a calibration measures, for people; files keep ``warm forkserver``."""
    name = name.replace("warm_", "warm ").replace("warm preload", "preload")
    return name.replace("warm forkserver", "forkserver with preload")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A complete way to run: launch, executor and its config, batches, workers inside a step.

    ``max_concurrent`` is the number of steps at once (1 in process). ``workers_in_op`` above 1
    spreads a step's items over threads or processes (``worker_kind``). ``depth_first`` is a chain
    of mapped ops ordered by ``dagster/priority`` tags. ``op_threads`` limits the threads that an
    item computes with by itself (BLAS); None leaves them alone.
    """

    launch: Launch
    executor: Executor
    start_method: StartMethod | None = None
    preload_modules: tuple[str, ...] = ()
    max_concurrent: int = 1
    batch_size: int = 1
    workers_in_op: int = 1
    worker_kind: WorkerKind | None = None
    depth_first: bool = False
    op_threads: int | None = None

    @property
    def is_batched(self) -> bool:
        """Whether a step runs several items, or one with several workers."""
        return self.batch_size > 1 or self.workers_in_op > 1

    @property
    def needs_code(self) -> bool:
        """Whether the user's code must change for it (a pasted config is not enough)."""
        return self.is_batched or self.depth_first or self.executor == "async"

    @property
    def is_warm(self) -> bool:
        """Whether it is a forkserver with a preload list of its own."""
        return self.start_method == "forkserver" and bool(self.preload_modules)

    def steps(self, items: int) -> int:
        """Mapped steps of a stage for so many items."""
        return -(-items // self.batch_size)

    @property
    def without_command_line(self) -> Candidate:
        """The same way called from Python, which is what the command line does."""
        return replace(self, launch="execute_job") if self.launch == "cli" else self

    @property
    def family(self) -> str:
        """Short name of executor and start method: ways of one family are predicted alike."""
        if self.launch == "execute_in_process":
            return "execute_in_process"
        if self.executor == "multiprocess":
            start = "warm forkserver" if self.is_warm else str(self.start_method)
            return f"multiprocess, {start}"
        return f"{self.executor} executor"

    @property
    def kind(self) -> str:
        """Ways that err alike: of one family, batched or not, with workers of one kind."""
        parts = [self.family]
        if self.is_batched:
            parts.append(f"batched, {self.worker_kind or 'one at a time'}")
        if self.op_threads is not None:
            parts.append("limited threads")
        return ", ".join(parts)

    @property
    def method(self) -> str:
        """Short name of launch, executor and start method."""
        return f"command line, {self.family}" if self.launch == "cli" else self.family

    @property
    def label(self) -> str:
        """The whole way in one line, for people."""
        parts = [name_in_words(self.method)]
        if self.executor in ("celery", "celery_k8s"):  # they have no such setting
            parts.append("1 slot" if self.max_concurrent == 1 else f"{self.max_concurrent} slots")
        elif self.executor != "in_process":
            parts.append(f"max_concurrent {self.max_concurrent}")
        if self.batch_size > 1:
            parts.append(f"batches of {self.batch_size:,}")
        if self.workers_in_op > 1:
            plural = "processes" if self.worker_kind == "process" else "threads"
            parts.append(f"{self.workers_in_op} {plural} per step")
        if self.depth_first:
            parts.append("depth first")
        if self.op_threads is not None:
            plural = "thread" if self.op_threads == 1 else "threads"
            parts.append(f"{self.op_threads} {plural} per item")
        return ", ".join(parts)


FORM = (
    "METHOD[:AT_ONCE][:batch=N][:threads=N|:processes=N][:depth-first] with METHOD one of "
    "execute_in_process, in_process, spawn, forkserver, warm, async, each also with `cli-` before "
    "it"
)

_DEPTH_FIRST = "depth-first"
_WORKERS: Mapping[WorkerKind, str] = {"thread": "threads", "process": "processes"}
_METHODS: Mapping[str, Candidate] = {
    "execute_in_process": Candidate("execute_in_process", "in_process"),
    "in_process": Candidate("execute_job", "in_process"),
    "async": Candidate("execute_job", "async"),
    "spawn": Candidate("execute_job", "multiprocess", "spawn"),
    "forkserver": Candidate("execute_job", "multiprocess", "forkserver"),
    "warm": Candidate("execute_job", "multiprocess", "forkserver"),
}


def read_candidate(spelled: str, preload: Sequence[str]) -> Candidate:
    """The candidate that `FORM` spells.

    Args:
        spelled: For instance ``warm:4`` or ``in_process:batch=8:threads=8``.
        preload: The modules that ``warm`` preloads.

    Raises:
        ConfigurationError: It names no way to run.
    """
    method, *parts = (part.strip() for part in spelled.split(":"))
    plain = _method(method, tuple(preload), spelled)
    depth_first = _DEPTH_FIRST in parts
    numbers = _numbers([part for part in parts if part != _DEPTH_FIRST], spelled)
    if "at once" in numbers and plain.executor == "in_process":
        raise _unreadable(spelled, f"{method} runs one step at a time")
    if "threads" in numbers and "processes" in numbers:
        raise _unreadable(spelled, "a step has threads or processes, not both")
    kind: WorkerKind | None = next((k for k in _WORKERS if _WORKERS[k] in numbers), None)
    workers = numbers[_WORKERS[kind]] if kind else 1
    batch_size = numbers.get("batch", 1)
    if batch_size < workers:
        raise _unreadable(spelled, f"{workers} workers in a step need batch={workers} or more")
    candidate = replace(
        plain,
        max_concurrent=numbers.get("at once", 1),
        batch_size=batch_size,
        workers_in_op=workers,
        worker_kind=kind if workers > 1 else None,
        depth_first=depth_first,
    )
    if candidate.is_batched and (depth_first or candidate.executor == "async"):
        raise _unreadable(spelled, "a batch runs its items' chains whole, by threads or processes")
    return candidate


def spelling(candidate: Candidate) -> str:
    """A candidate as `read_candidate` reads it."""
    name: str = "warm" if candidate.is_warm else candidate.start_method or candidate.executor
    if candidate.launch == "execute_in_process":
        name = candidate.launch
    parts = [f"cli-{name}" if candidate.launch == "cli" else name]
    if candidate.executor != "in_process":
        parts.append(str(candidate.max_concurrent))
    if candidate.batch_size > 1:
        parts.append(f"batch={candidate.batch_size}")
    if candidate.worker_kind and candidate.workers_in_op > 1:
        parts.append(f"{_WORKERS[candidate.worker_kind]}={candidate.workers_in_op}")
    if candidate.depth_first:
        parts.append(_DEPTH_FIRST)
    return ":".join(parts)


def _method(name: str, preload: tuple[str, ...], spelled: str) -> Candidate:
    plain = _METHODS.get(name.removeprefix("cli-"))
    if plain is None or name == "cli-execute_in_process":
        raise _unreadable(spelled, f"there is no method {name!r}")
    if name.removeprefix("cli-") == "warm":
        if not preload:
            raise _unreadable(spelled, "the profile has no preload list")
        plain = replace(plain, preload_modules=preload)
    return replace(plain, launch="cli") if name.startswith("cli-") else plain


def _numbers(parts: Sequence[str], spelled: str) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for part in parts:
        name, equals, value = part.rpartition("=")
        name = name if equals else "at once"
        expected = ("at once", "batch", "threads", "processes")
        if name not in expected or name in numbers or not value.isdecimal() or int(value) < 1:
            raise _unreadable(spelled, f"{part!r} is not understood")
        numbers[name] = int(value)
    return numbers


def _unreadable(spelled: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The configuration {spelled!r} names no way to run: {reason}.",
        where="--configurations",
        hint=f"Write advised, config-only, current, default, runner-up, grid, or {FORM}.",
    )
