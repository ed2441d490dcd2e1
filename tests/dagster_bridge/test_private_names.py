"""Pins the private names of Dagster: an upgrade that moves one fails here, by name."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from dagster import GraphDefinition, HookContext, build_op_context
from dagster._core.storage.compute_log_manager import ComputeLogManager

from advisor.dagster_bridge import private
from advisor.domain import dagster_facts

ROOM = Path(private.__file__).parent


@pytest.mark.parametrize("name", private._ON_DEMAND)
def test_every_name_is_still_there(name: str) -> None:
    assert getattr(private, name) is not None


def test_calls_that_we_make_still_take_these_arguments() -> None:
    def parameters(function: object) -> set[str]:
        return set(inspect.signature(function).parameters)  # type: ignore[arg-type]

    assert {"job_def", "run_config"} <= parameters(private.ResolvedRunConfig.build)
    assert {"job_def", "resolved_run_config"} <= parameters(private.ExecutionPlan.build)
    assert {"python_file", "working_directory"} <= parameters(private.load_python_file)
    assert {"repository", "job_name", "asset_selection"} <= set(private.ReconstructableJob._fields)
    assert hasattr(private.ConfiguredDefinitionConfigSchema, "resolve_config")


def test_private_attributes_of_its_objects_are_still_there(tmp_path: Path) -> None:
    manager = private.PickledObjectFilesystemIOManager(str(tmp_path))
    assert str(manager._base_path) == str(tmp_path)
    assert callable(manager._get_path)
    assert callable(manager.unlink)
    made = private._core_multiprocess_executor_creation(
        {"retries": {"enabled": {}}, "start_method": {"forkserver": {}}}
    )
    assert hasattr(made, "_explicit_forkserver_preload")
    assert hasattr(GraphDefinition(name="empty").to_job(), "_was_provided_resources")  # rewiring
    with build_op_context() as context:  # Ours takes its place: see invocation/context.py.
        assert type(context) is private.DirectOpExecutionContext
    assert "_step_execution_context" in HookContext.__init__.__code__.co_names  # ours sets it


def test_every_name_in_text_is_still_there() -> None:
    assert import_module(dagster_facts.MULTIPROCESS_EXECUTOR)
    assert all(import_module(name) for name in dagster_facts.BEFORE_AN_OP)
    logs = dagster_facts.NO_COMPUTE_LOGS
    assert issubclass(getattr(import_module(logs["module"]), logs["class"]), ComputeLogManager)


def test_no_other_file_uses_a_private_name() -> None:
    private_name = re.compile(r"""^\s*(from|import) dagster(\._|_shared)|["']dagster\._""")
    offenders = [
        f"{file.name}: {line.strip()}"
        for file in sorted(ROOM.parent.rglob("*.py"))
        if file.name not in {"private.py", "dagster_facts.py"}
        for line in file.read_text().splitlines()
        if private_name.search(line)
    ]
    assert offenders == []


def test_loading_a_target_imports_no_storage_that_a_measurement_would_miss() -> None:
    code = (
        "import sys, advisor.dagster_bridge.invocation, advisor.dagster_bridge.sampling;"
        "print([name for name in ('sqlalchemy', 'alembic', 'upath') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
