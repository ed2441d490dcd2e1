"""The warm preload list of a forkserver: derived from real imports, checked to be safe, compact.

Every step's process imports the instance's storages, the user's code and what the op itself
imports; ``import dagster`` covers none of them. Preloaded before the fork they cost nothing. A
module that starts a thread at import is not safe before a fork and is left out.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.domain.workload import TargetReference
from advisor.measure.import_trace import RootImport, traced_imports

WORTH_S = 0.001
"""Imports quicker than this stay out: the list is pasted and read by people."""


@dataclass(frozen=True, slots=True)
class DeriveRequest:
    """Whose code, and on which temporary instance."""

    target: TargetReference | None
    instance_home: str


def derive_roots(request: DeriveRequest) -> tuple[str, ...]:
    """Root modules that a step's process imports beyond ``import dagster``, slowest first.

    Called in a fresh process: it executes a tiny job in process on the instance, as a step does.
    """
    importlib.import_module("psutil")  # ours, not the step's
    importlib.import_module("dagster._core.executor.multiprocess")  # the forkserver has it anyway
    with traced_imports() as found:
        _as_a_step_does(request)
    return tuple(root.module for root in _worth(found))


def _as_a_step_does(request: DeriveRequest) -> None:
    from advisor.dagster_bridge.calibration_job import CalibrationRequest, execute_calibration

    execute_calibration(
        CalibrationRequest(
            method="in_process",
            items=1,
            item_wait_s=0.0,
            max_concurrent=1,
            preload=None,
            target=request.target,
            instance_home=request.instance_home,
        )
    )


def _worth(found: Sequence[RootImport]) -> list[RootImport]:
    slow = [root for root in found if root.seconds_s >= WORTH_S and root.module != "__main__"]
    once = {root.module: root for root in reversed(slow)}
    return sorted(once.values(), key=lambda root: -root.seconds_s)


@dataclass(frozen=True, slots=True)
class SafePreload:
    """Modules that are safe to import before a fork, and the others with the reason."""

    modules: tuple[str, ...]
    left_out: dict[str, str]


def check_preload(modules: tuple[str, ...]) -> SafePreload:
    """Import ``modules`` one by one and leave out what fails or starts a thread.

    Called in a fresh process. Modules that an earlier one has imported already are dropped: they
    need no entry of their own.
    """
    safe: list[str] = []
    left_out: dict[str, str] = {}
    before = _threads()
    for name in modules:
        if name in sys.modules:
            continue
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - whatever it raises, it cannot be preloaded
            left_out[name] = f"cannot be imported: {type(error).__name__}: {error}"
            continue
        now = _threads()
        if now > before:
            started = "a thread" if now - before == 1 else f"{now - before} threads"
            left_out[name] = f"starts {started} at import, which a fork would not carry over"
            before = now
            continue
        safe.append(name)
    return SafePreload(tuple(safe), left_out)


def _threads() -> int:
    tasks = Path("/proc/self/task")
    if tasks.is_dir():
        return sum(1 for _ in tasks.iterdir())
    return threading.active_count()
