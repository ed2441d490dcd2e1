"""How long a step takes to load its job from code that is imported already."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING

from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetReference
from advisor.measure.loading.imports import task_count

if TYPE_CHECKING:
    from advisor.dagster_bridge.private import ReconstructableJob


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

    A process with threads is not forked: what is cached then counts as free.
    """
    from advisor.dagster_bridge.target import reconstructable_job

    if task_count() > 1:
        return reconstructable_job(target)
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            return pool.submit(reconstructable_job, target).result()
    except BrokenProcessPool:
        return reconstructable_job(target)
