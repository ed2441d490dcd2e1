"""Pins the private names of Dagster: an upgrade that moves one fails here, by name."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.dagster_bridge import private

ROOM = Path(private.__file__).parent


@pytest.mark.parametrize("name", private.__all__)
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


def test_no_other_file_of_the_room_imports_a_private_name() -> None:
    offenders = [
        f"{file.name}: {line.strip()}"
        for file in sorted(ROOM.rglob("*.py"))
        if file.name != "private.py"
        for line in file.read_text().splitlines()
        if line.strip().startswith(("from dagster._", "import dagster._", "from dagster_shared"))
    ]
    assert offenders == []


def test_loading_a_target_imports_no_storage_that_a_measurement_would_miss() -> None:
    code = (
        "import sys, advisor.dagster_bridge.invocation, advisor.dagster_bridge.sampling;"
        "print([name for name in ('sqlalchemy', 'alembic', 'upath') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
