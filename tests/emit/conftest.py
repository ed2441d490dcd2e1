from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The jobs here and what a test emits can be imported, in child processes too."""
    jobs = Path(__file__).parent / "jobs"
    for folder in (jobs, tmp_path):
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{jobs}")
