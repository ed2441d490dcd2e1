"""What drawing samples writes lies in the parent's folder: a killed child leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from measuring import profile_workload

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import UserCodeError
from advisor.measure.workload.children import ProfileRequest

HERE = Path(__file__).parent


def test_a_fan_out_op_that_is_killed_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = parse_target(f"{HERE / 'killing_job.py'}:kills", working_directory=HERE)
    request = ProfileRequest(describe(load_target(target)))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(UserCodeError, match="SIGKILL"):
        profile_workload(request, budget_s=30.0)
    assert list(tmp_path.iterdir()) == []
