"""What a process loads before it can call an op: its imports, and those worth a preload.

Every step's process imports the instance's storages, the user's code and what the op itself
imports; ``import dagster`` covers none of them. Preloaded before the fork they cost nothing; which
of them are safe there is for `check_modules` to say.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.candidate import THREAD_VARIABLES
from advisor.domain.dagster_facts import MULTIPROCESS_EXECUTOR
from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetReference
from advisor.measure.meter import socket_inodes

if TYPE_CHECKING:
    from advisor.dagster_bridge.private import ReconstructableJob

TRANSPARENT = ("advisor",)
"""Packages whose own imports count as roots: what a user preloads must not need dynadvise."""
# Dagster's own lazy imports are the host's preload list's to know; ours are nobody's
_NOT_THE_USERS = ("dagster", "dagster_shared", "dagster_pipes", "advisor")
SINGLE_THREADED_BLAS = dict.fromkeys(THREAD_VARIABLES, "1")
"""Environment in which the math libraries compute on one thread."""
FORK_CHECK_ENVIRONMENT = {k: v for k, v in SINGLE_THREADED_BLAS.items() if k != "OMP_NUM_THREADS"}
"""Environment for the checks below. OpenBLAS starts its pool when it is loaded and handles forks
itself (``pthread_atfork``), so that its threads are no reason to leave numpy out. GNU OpenMP does
not, nor do rayon (polars) and others: their pools must be seen."""


@dataclass(frozen=True, slots=True)
class RootImport:
    """A module that was imported while tracing, with everything below it."""

    module: str
    seconds_s: float


@contextmanager
def traced_imports() -> Iterator[list[RootImport]]:
    """Record root imports in order, on all threads, while the block runs.

    CPython looks ``_find_and_load`` up in ``importlib._bootstrap`` for every module that is not
    yet in ``sys.modules``, for ``import`` statements and ``import_module`` alike.
    """
    bootstrap: Any = sys.modules["_frozen_importlib"]
    original = bootstrap._find_and_load
    roots: list[RootImport] = []
    state = threading.local()

    def traced(name: str, import_: object) -> object:
        if name.split(".", maxsplit=1)[0] in TRANSPARENT or getattr(state, "inside", False):
            return original(name, import_)
        state.inside = True
        begun = time.perf_counter()
        try:
            module = original(name, import_)
        finally:
            state.inside = False
        roots.append(RootImport(name, time.perf_counter() - begun))
        return module

    bootstrap._find_and_load = traced
    try:
        yield roots
    finally:
        bootstrap._find_and_load = original


@dataclass
class ImportRecorder:
    """Records the modules whose import the running code itself asks for."""

    names: dict[str, None] = field(default_factory=dict)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record while the block runs."""
        with traced_imports() as roots:
            try:
                yield
            finally:
                self.names.update(dict.fromkeys(root.module for root in roots))

    def roots(self) -> tuple[str, ...]:
        """The recorded modules that were really imported, without those that another implies."""
        names = [
            name
            for name in self.names
            if sys.modules.get(name) is not None and name.split(".")[0] not in _NOT_THE_USERS
        ]
        return tuple(
            name for name in names if not any(other.startswith(name + ".") for other in names)
        )


@dataclass(frozen=True, slots=True)
class Preloadable:
    """Modules that may be imported before a fork, and the others with their reason.

    ``forkable`` says whether a process that has loaded the target and these has one thread (and
    BLAS's own) only, and holds nothing open that a forked one would share.
    """

    safe: tuple[str, ...]
    unsafe: dict[str, str]
    forkable: bool = False


class ImportWatch:
    """What an import leaves behind that must not be there when the process forks.

    A forked process has none of the threads, native ones included, but the locks that they held;
    and it shares connections and the places in open files. Files that are only appended to (logs)
    do not count.
    """

    def __init__(self) -> None:
        self._threads = {thread.ident for thread in threading.enumerate()}
        self._tasks = task_count()
        self._sockets = socket_inodes()
        self._files = _open_files()

    def refusal(self) -> str | None:
        """Why what was imported since must not be imported before a fork; None: it may be."""
        started = [t.name for t in threading.enumerate() if t.ident not in self._threads]
        if started:
            return f"starts a thread when imported ({', '.join(started)})"
        if task_count() > self._tasks:
            return "starts a native thread when imported"
        if socket_inodes() - self._sockets:
            return "opens a connection when imported"
        names = sorted(name for file, name in _open_files().items() if file not in self._files)
        if names:
            return f"keeps a file open when imported ({', '.join(names)})"
        return None


def check_preload(question: tuple[TargetReference, tuple[str, ...]]) -> Preloadable:
    """Check the target's module and each module in this clean process, as `check_modules` does."""
    from advisor.dagster_bridge.target import load_target

    target, modules = question
    watch = ImportWatch()
    load_target(target)
    refusal = watch.refusal()
    check = check_modules(modules)
    if refusal is not None:
        return replace(check, unsafe={target.module_name: refusal, **check.unsafe})
    return replace(check, forkable=task_count() == 1)


def check_modules(modules: tuple[str, ...]) -> Preloadable:
    """Import each module in this process; unsafe is what `ImportWatch` refuses.

    A module that an earlier one of the list has imported needs no entry of its own.
    """
    safe: list[str] = []
    unsafe: dict[str, str] = {}
    before = set(sys.modules)
    for module in modules:
        if module in sys.modules and module not in before:
            continue
        watch = ImportWatch()
        try:
            importlib.import_module(module)
        except BaseException as error:  # noqa: BLE001 - whatever an import raises, SystemExit too
            unsafe[module] = f"cannot be imported alone ({type(error).__name__})"
            continue
        refusal = watch.refusal()
        if refusal is None:
            safe.append(module)
        else:
            unsafe[module] = refusal
    return Preloadable(tuple(safe), unsafe)


TASKS = "/proc/self/task"


def task_count() -> int:
    """Threads of this process, native ones included."""
    try:
        return len(os.listdir(TASKS))  # noqa: PTH208
    except OSError:  # macOS
        import psutil

        return int(psutil.Process().num_threads())


def may_fork() -> bool:
    """Whether this process may be forked after the user's code was imported.

    Not with threads beside this one. Never on macOS: Apple's libraries, which packages load
    without saying so, may abort a process that was forked, so that Python itself spawns there.
    """
    return sys.platform != "darwin" and task_count() == 1


def _open_files() -> dict[tuple[int, int], str]:
    """Regular files that this process holds open for more than appending: (device, inode), name."""
    names: dict[tuple[int, int], str] = {}
    with contextlib.suppress(OSError):
        for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                info = os.fstat(int(entry))
                appends = fcntl.fcntl(int(entry), fcntl.F_GETFL) & os.O_APPEND
                if stat.S_ISREG(info.st_mode) and not appends:
                    name = Path(f"/proc/self/fd/{entry}").readlink().name
                    names[info.st_dev, info.st_ino] = name
    return names


WORTH_S = 0.001
"""Imports quicker than this stay out: the list is pasted and read by people."""


@dataclass(frozen=True, slots=True)
class DeriveRequest:
    """Whose code, and on which temporary instance."""

    target: TargetReference | None
    instance_home: str


@dataclass(frozen=True, slots=True)
class StepImports:
    """Root modules that a step's process imports beyond ``import dagster``, slowest first.

    Attributes:
        dagsters: What any step imports.
        users: What the user's code asks for beside it.
        user_import_s: How long importing ``users`` took, after ``dagsters``.
        user_build_s, user_rebuild_s: Loading the job from there, and once more.
        user_rss_bytes: By how much the process grew.
    """

    dagsters: tuple[str, ...]
    users: tuple[str, ...] = ()
    user_import_s: float = 0.0
    user_rss_bytes: int = 0
    user_build_s: float = 0.0
    user_rebuild_s: float = 0.0


def derive_roots(request: DeriveRequest) -> StepImports:
    """What a step's process imports.

    Called in a fresh process: it executes a tiny job in process on the instance, as a step does,
    and then imports the user's code.
    """
    process = importlib.import_module("psutil").Process()  # ours, not the step's
    importlib.import_module(MULTIPROCESS_EXECUTOR)  # the forkserver has it anyway
    with traced_imports() as imports:
        _as_a_step_does(request.instance_home)
    dagsters = tuple(root.module for root in _worth(imports))
    target = request.target
    if target is None:
        return StepImports(dagsters)
    from advisor.dagster_bridge.calibration_definition import import_user_code

    grown, begun = process.memory_info().rss, time.perf_counter()
    with traced_imports() as trace:
        import_user_code(target.module, target.file, target.working_directory)
    took = time.perf_counter() - begun
    own_s = max(0.0, took - sum(root.seconds_s for root in trace)) if target.file else 0.0
    rss_bytes = max(0, process.memory_info().rss - grown)
    build_s, rebuild_s = building_s(target)
    return StepImports(
        dagsters,
        tuple(root.module for root in _worth(trace)),
        user_import_s=took - own_s,
        user_rss_bytes=rss_bytes,
        user_build_s=build_s + own_s,
        user_rebuild_s=rebuild_s,
    )


def _as_a_step_does(instance_home: str) -> None:
    from advisor.dagster_bridge.calibration_job import CalibrationRequest, execute_calibration

    execute_calibration(
        CalibrationRequest(
            method="in_process",
            items=1,
            item_wait_s=0.0,
            preload=None,
            target=None,
            instance_home=instance_home,
        )
    )


def _worth(roots: Sequence[RootImport]) -> list[RootImport]:
    slow = [root for root in roots if root.seconds_s >= WORTH_S and root.module != "__main__"]
    once = {root.module: root for root in reversed(slow)}
    return sorted(once.values(), key=lambda root: -root.seconds_s)


def building_s(target: TargetReference) -> tuple[float, float]:
    """Seconds to load the target's job as Dagster's step does, and to load it once more.

    Called in a process that has imported the target's module and built nothing of it. Both are 0
    where the target has no job.
    """
    from advisor.dagster_bridge.target import load_s

    try:
        job = _built_elsewhere(target)
    except TargetError:
        return 0.0, 0.0
    return load_s(job), load_s(job)


def _built_elsewhere(target: TargetReference) -> ReconstructableJob:
    """Where Dagster finds the job; a forked process looks, as looking builds and caches.

    Where a process may not be forked, what is cached counts as free.
    """
    # Not above: what this module imports is no import of the user's any more.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from advisor.dagster_bridge.target import reconstructable_job

    if not may_fork():
        return reconstructable_job(target)
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            return pool.submit(reconstructable_job, target).result()
    except BrokenProcessPool:
        return reconstructable_job(target)
