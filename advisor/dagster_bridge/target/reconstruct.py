"""The job of a target in another process."""

import time
from dataclasses import asdict
from typing import Any

from dagster import AssetKey, JobDefinition, build_reconstructable_job

from advisor.dagster_bridge.private import (
    FileCodePointer,
    ModuleCodePointer,
    ReconstructableJob,
    ReconstructableRepository,
)
from advisor.dagster_bridge.target.place import LoadedTarget
from advisor.dagster_bridge.target.resolve import load_target
from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetReference


def reconstructable_job(reference: TargetReference) -> ReconstructableJob:
    """The job of a target in the form that Dagster can rebuild in a child process.

    A job loaded by module name keeps that module's name, which Dagster's forkserver preloads by
    default; a job made in memory (of a graph, of an asset) is rebuilt by ``rebuild_job``.

    Raises:
        TargetError: The target has no job, or cannot be loaded.
    """
    return reconstructable_of(load_target(reference))


def reconstructable_of(loaded: LoadedTarget) -> ReconstructableJob:
    """``reconstructable_job`` for a target that is loaded already."""
    reference, pointer = loaded.reference, loaded.pointer
    if pointer is None or loaded.job is None:
        raise TargetError(f"'{reference.spelled}' has no job that could be run.")
    if pointer.attribute is None or "." in pointer.attribute:
        return build_reconstructable_job(
            __name__,
            rebuild_job.__name__,
            reconstructable_kwargs=asdict(reference),
            reconstructor_working_directory=reference.working_directory,
        )
    code: FileCodePointer | ModuleCodePointer
    if reference.file is not None:
        code = FileCodePointer(reference.file, pointer.attribute, reference.working_directory)
    else:
        assert reference.module is not None
        code = ModuleCodePointer(reference.module, pointer.attribute, reference.working_directory)
    keys = frozenset(AssetKey(list(path)) for path in pointer.asset_keys)
    return ReconstructableJob(
        ReconstructableRepository(code), pointer.job_name, asset_selection=keys or None
    )


def load_s(job: ReconstructableJob) -> float:
    """Seconds to load a job as a step does: from imported code, building its definitions.

    Past the cache of ``job.get_definition``, which the second load of a step misses too.
    """
    begun = time.perf_counter()
    job.repository.get_definition().get_job(job.job_name)
    return time.perf_counter() - begun


def rebuild_job(**reference: Any) -> JobDefinition:
    """Load the job of a target reference, given field by field: called in Dagster's children."""
    job = load_target(TargetReference(**reference)).job
    assert job is not None, "only targets with a job are made reconstructable"
    return job
