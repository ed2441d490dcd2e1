"""The warm preload list of a forkserver, derived from the imports of a real step.

Every step's process imports the instance's storages, the user's code and what the op itself
imports; ``import dagster`` covers none of them. Preloaded before the fork they cost nothing.
Whether they are safe there is `advisor.measure.loading.imports.check_modules`'s to say.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from advisor.domain.dagster_facts import MULTIPROCESS_EXECUTOR
from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetReference
from advisor.measure.loading.imports import RootImport, may_fork, traced_imports

if TYPE_CHECKING:
    from advisor.dagster_bridge.private import ReconstructableJob


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
            max_concurrent=1,
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
    from advisor.dagster_bridge.target import reconstructable_job

    if not may_fork():
        return reconstructable_job(target)
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            return pool.submit(reconstructable_job, target).result()
    except BrokenProcessPool:
        return reconstructable_job(target)
