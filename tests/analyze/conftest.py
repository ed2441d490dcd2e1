from __future__ import annotations

from pathlib import Path

import pytest

SPAWN_2 = {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}}
WARM = {"forkserver": {"preload_modules": ["dagster._core.storage.sqlite_storage"]}}
WARM_2 = {"execution": {"config": {"multiprocess": {"max_concurrent": 2, "start_method": WARM}}}}
JOBS = Path(__file__).with_name("recorded_jobs.py")
IN_PROCESS = {"execution": {"config": {"in_process": {}}}}


@pytest.fixture(scope="session")
def real_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with one real run each of three jobs (about 15 s)."""
    from dagster import DagsterInstance, execute_job

    from advisor.dagster_bridge.private import ReconstructableJob

    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\nconcurrency: {pools: {default_limit: 1}}\n"
    )
    with DagsterInstance.from_config(str(home)) as instance:
        for job, config in (
            ("mishaps", SPAWN_2),
            ("locked", IN_PROCESS),
            ("pools", WARM_2),
        ):
            code = ReconstructableJob.for_file(str(JOBS), job)
            with execute_job(code, instance=instance, run_config=config, raise_on_error=False):
                pass
    return home
