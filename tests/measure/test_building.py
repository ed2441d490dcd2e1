"""What a step builds when it loads its job is measured, and no preload list takes it away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import cast

import pytest
from factories import make_host_profile

from advisor.dagster_bridge.discovery import Discovery, DiscoveryRequest
from advisor.dagster_bridge.runs import RunRequest, RunResult
from advisor.dagster_bridge.target import parse_target
from advisor.domain.host import BUILDS_OF_RUN, BUILDS_OF_STEP, HostProfile
from advisor.domain.workload import TargetReference
from advisor.measure.child import run_in_child
from advisor.measure.loading import DeriveRequest, StepImports
from advisor.model.fit import fit_overhead

BUILD_S = 0.3
JOB = """
    from dagster import DynamicOut, DynamicOutput, job, op

    @op(out=DynamicOut(int))
    def numbers():
        yield DynamicOutput(1, mapping_key="n1")

    @op
    def doubled(number: int) -> int:
        return number * 2

    @job
    def doubling():
        numbers().map(doubled)
"""
LAZY = """
    import os, time
    import dagster
    from work import doubling

    @dagster.definitions
    def defs():
        with open("built.txt", "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.3)
        return dagster.Definitions(jobs=[doubling])
"""
EAGER = """
    import time
    import dagster
    from work import doubling

    time.sleep(0.3)
    defs = dagster.Definitions(jobs=[doubling])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("work", JOB), ("lazy_defs", LAZY), ("eager_defs", EAGER)):
        (tmp_path / f"{name}.py").write_text(dedent(text))
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return tmp_path


def target_in(folder: Path, spelled: str) -> TargetReference:
    return parse_target(spelled, working_directory=folder)


def imports_of(folder: Path, spelled: str) -> StepImports:
    home, target = str(folder / "home"), target_in(folder, spelled)
    found = run_in_child(
        "advisor.measure.loading:derive_roots",
        DeriveRequest(target, home),
        timeout_s=100,
        target=target,
        environment={"DAGSTER_HOME": home},
    )
    return cast("StepImports", found.unwrap("deriving"))


def host_with(imports: StepImports) -> HostProfile:
    return replace(
        make_host_profile(),
        user_import_s=imports.user_import_s,
        user_build_s=imports.user_build_s,
        user_rebuild_s=imports.user_rebuild_s,
        user_roots=imports.users,
    )


def test_a_definitions_function_is_charged_to_every_step_as_a_real_run_pays_it(
    folder: Path,
) -> None:
    imports = imports_of(folder, "lazy_defs:doubling")
    assert min(imports.user_build_s, imports.user_rebuild_s) >= BUILD_S
    warm = fit_overhead(host_with(imports)).multiprocess["warm_forkserver"]
    assert warm.prepare_s >= BUILDS_OF_STEP * BUILD_S

    (folder / "built.txt").unlink()
    target = target_in(folder, "lazy_defs:doubling")
    server = {"forkserver": {"preload_modules": ["lazy_defs"]}}
    config = {"execution": {"config": {"multiprocess": {"start_method": server}}}}
    request = RunRequest(target, "execute_job", config, str(folder / "home"))
    answer = run_in_child(
        "advisor.dagster_bridge.runs:execute", request, timeout_s=100, target=target
    )
    run = cast("RunResult", answer.unwrap("running")).run
    assert run is not None
    for step in run.steps:
        assert step.start_s is not None
        assert step.worker_started_s is not None
        assert step.start_s - step.worker_started_s >= BUILDS_OF_STEP * BUILD_S
    pids = (folder / "built.txt").read_text().split()
    in_steps = [pids.count(pid) for pid in set(pids) if pid != pids[0]]
    assert in_steps == [BUILDS_OF_STEP] * len(run.steps)
    assert pids.count(pids[0]) >= BUILDS_OF_RUN["multiprocess"]  # and those of the caller's own


def test_a_target_says_whether_its_definitions_are_built_anew(folder: Path) -> None:
    target = target_in(folder, "lazy_defs:doubling")
    answer = run_in_child(
        "advisor.dagster_bridge.discovery:discover",
        DiscoveryRequest(target),
        timeout_s=100,
        target=target,
    )
    assert cast("Discovery", answer.unwrap("importing")).rebuild_s >= BUILD_S


def test_what_a_file_computes_is_paid_in_every_step_though_its_imports_are_preloaded(
    folder: Path,
) -> None:
    imports = imports_of(folder, "eager_defs.py:doubling")
    assert "eager_defs" not in imports.users
    assert imports.user_build_s >= BUILD_S
