"""One way to run the workload."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from advisor.domain.executor_setting import StartMethod
from advisor.domain.workload import WorkerKind

Launch = Literal["execute_in_process", "execute_job", "cli", "daemon"]
Executor = Literal[
    "in_process", "multiprocess", "async", "k8s", "docker", "celery", "celery_k8s", "ecs", "ray",
    "delegating", "dask", "other",
]  # fmt: skip


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
