"""Which modules a call imports, and which of them are safe to import before a fork."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec
from types import ModuleType

from advisor.domain.workload import TargetReference
from advisor.measure.meter import socket_inodes

_BOOTSTRAP = "<frozen importlib._bootstrap>"
# Dagster's own lazy imports are the host's preload list's to know; ours are nobody's
_NOT_THE_USERS = ("dagster", "dagster_shared", "dagster_pipes", "advisor")


@dataclass
class ImportRecorder:
    """Records the modules whose import the running code itself asks for.

    It stands first on ``sys.meta_path``, finds nothing, and notes each name that is looked for
    while no other module is being executed below it: what that module imports in turn comes
    along by itself.
    """

    names: dict[str, None] = field(default_factory=dict)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the finder protocol
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Note the name; never find it."""
        frame = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code.co_filename == _BOOTSTRAP and code.co_name == "_load_unlocked":
                return None  # a module is being executed: this import is its own
            if frame.f_back is None:
                break
            frame = frame.f_back
        self.names[fullname] = None
        return None

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record while the block runs."""
        sys.meta_path.insert(0, self)
        try:
            yield
        finally:
            sys.meta_path.remove(self)

    def roots(self) -> tuple[str, ...]:
        """The recorded modules that were really imported, without those that another implies."""
        found = [
            name
            for name in self.names
            if sys.modules.get(name) is not None and name.split(".")[0] not in _NOT_THE_USERS
        ]
        return tuple(
            name for name in found if not any(other.startswith(name + ".") for other in found)
        )


@dataclass(frozen=True, slots=True)
class Preloadable:
    """Modules that may be imported before a fork, and the others with their reason.

    ``forkable`` says whether a process that has loaded the target and these has one thread (and
    BLAS's own) only.
    """

    safe: tuple[str, ...]
    unsafe: dict[str, str]
    forkable: bool = False


SINGLE_THREADED_BLAS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}
"""Environment for `check_preload`: OpenBLAS starts its pool when it is loaded, and handles forks
itself (``pthread_atfork``), so that its threads are no reason to leave numpy out."""


def check_preload(question: tuple[TargetReference, tuple[str, ...]]) -> Preloadable:
    """Import each module in this clean process; unsafe is what starts threads or connects.

    Args:
        question: The target, which is loaded first, and the modules.
    """
    from advisor.dagster_bridge.target import load_target

    target, modules = question
    load_target(target)
    forkable = task_count() == 1
    return replace(check_modules(modules), forkable=forkable)


def check_modules(modules: tuple[str, ...]) -> Preloadable:
    """Import each module in this process; unsafe is what starts threads or connects.

    A module that an earlier one of the list has imported needs no entry of its own.
    """
    safe: list[str] = []
    unsafe: dict[str, str] = {}
    before = set(sys.modules)
    for module in modules:
        if module in sys.modules and module not in before:
            continue
        threads = {thread.ident for thread in threading.enumerate()}
        tasks = task_count()
        sockets = socket_inodes()
        try:
            importlib.import_module(module)
        except BaseException as error:  # noqa: BLE001 - whatever an import raises, SystemExit too
            unsafe[module] = f"cannot be imported alone ({type(error).__name__}: {error})"
            continue
        started = [thread for thread in threading.enumerate() if thread.ident not in threads]
        if started:
            names = ", ".join(thread.name for thread in started)
            unsafe[module] = f"starts a thread when imported ({names})"
        elif task_count() > tasks:
            unsafe[module] = "starts a native thread when imported"
        elif socket_inodes() - sockets:
            unsafe[module] = "opens a connection when imported"
        else:
            safe.append(module)
    return Preloadable(tuple(safe), unsafe)


def task_count() -> int:
    """Threads of this process, native ones included."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208
    except OSError:
        return threading.active_count()
