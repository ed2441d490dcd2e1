"""Describes jobs, emits for them, and loads what was emitted, for the tests of this folder."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from dagster import (
    DagsterInstance,
    ExecuteInProcessResult,
    JobDefinition,
    execute_job,
    reconstructable,
)
from factories import make_advice, make_prediction

from advisor.dagster_bridge.graph_shape import graph_nodes
from advisor.dagster_bridge.plain_ops import with_plain_facts
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.workload import MappedOp, OpReference, TargetReference, WorkloadDescription
from advisor.emit import EmitRequest

JOBS = Path(__file__).parent / "jobs"
DEFAULT_EXECUTOR = ExecutorSetting(
    executor="multiprocess",
    class_name="multi_or_in_process_executor",
    config_path=("execution", "config", "multiprocess"),
    in_process_config_path=("execution", "config", "in_process"),
)


def load_job(module: str, attribute: str) -> JobDefinition:
    return getattr(importlib.import_module(module), attribute)


def describe_job(
    module: str, attribute: str, *, plain: bool = False, **changes: object
) -> WorkloadDescription:
    """The description of a module's job; the fan-out is the first node with a dynamic output.

    ``plain`` lets the short form be emitted, where the job is plain enough for it.
    """
    job = load_job(module, attribute)
    nodes = graph_nodes(job.graph)
    if plain:
        nodes = with_plain_facts(nodes, job, importlib.import_module(module))
    fan_out = next((node for node in nodes if node.dynamic_outputs), None)
    mapped = tuple(
        MappedOp(
            OpReference(node.name, (node.name,)),
            item_input=None,
            inputs=node.inputs,
            outputs=node.outputs,
        )
        for node in nodes
        if job.dependencies and job.graph.dependency_structure.is_dynamic_mapped(node.name)
    )
    fields: dict[str, object] = {
        "target": TargetReference(
            f"{module}:{attribute}", module, None, attribute, None, str(JOBS)
        ),
        "kind": "job",
        "job_name": job.name,
        "mapped": mapped,
        "fan_out": OpReference(fan_out.name, (fan_out.name,)) if fan_out else None,
        "executor": DEFAULT_EXECUTOR,
        "graph": nodes,
    }
    return WorkloadDescription(**{**fields, **changes})


def described(module: str, attribute: str) -> WorkloadDescription:
    """The description as the bridge gives it."""
    return describe(load_target(parse_target(f"{module}:{attribute}", working_directory=JOBS)))


def failures(result: ExecuteInProcessResult) -> list[str]:
    """What the failed steps say of their items."""
    data = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [each.user_failure_data.description for each in data if each.user_failure_data]


def multiprocess_run(job: JobDefinition, node: str, folder: Path) -> tuple[object, set[str]]:
    """Output of a node and the keys of all steps, of a real run in processes."""
    home = folder / "home"
    home.mkdir()
    with (
        DagsterInstance.local_temp(str(home)) as instance,
        execute_job(reconstructable(job), instance=instance) as result,
    ):
        assert result.success
        steps = {event.step_key for event in result.all_events if event.step_key}
        return result.output_for_node(node), steps


def ruff_complaints(folder: Path, *check: str) -> str:
    """What ``ruff format`` and, given its options, ``ruff check`` find wrong in a folder."""
    commands = [["format", "--diff"], *([["check", *check]] if check else [])]
    ruff = [sys.executable, "-m", "ruff"]
    found = [
        subprocess.run(
            [*ruff, *command, "--isolated", "."],
            cwd=folder, capture_output=True, text=True, check=False,
        )
        for command in commands
    ]  # fmt: skip
    return "\n".join(done.stdout + done.stderr for done in found if done.returncode != 0)


def run_script(script: Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python script run beside itself, with its instance in ``home``."""
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=script.parent,
        env={**os.environ, "DAGSTER_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def request_for(
    description: WorkloadDescription, candidate: Candidate, **changes: object
) -> EmitRequest:
    return EmitRequest(description, make_advice(), prediction=make_prediction(candidate), **changes)


def is_plain(source: str) -> bool:
    """Whether emitted code is the short form."""
    return "original_job" not in source


def load_source(source: str, name: str, folder: Path) -> ModuleType:
    """Import emitted code as the module that a user would have saved."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module(name)
