from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The jobs here and what a test emits can be imported, in child processes too."""
    jobs = Path(__file__).parent / "jobs"
    # At the end: in a step's process Dagster takes the first entry for the script's folder,
    # and removes it while it imports the job's module.
    monkeypatch.setattr(sys, "path", [*sys.path, str(jobs), str(tmp_path)])
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{jobs}")
