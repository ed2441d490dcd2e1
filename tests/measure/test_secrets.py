"""The text of a user's exception, mapping keys and values of tags reach the terminal alone."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from factories import make_saved_profile
from measuring import profile_workload

from advisor import store
from advisor.api.check import check
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.errors import UserCodeError
from advisor.domain.options import CheckOptions, MeasureOptions
from advisor.measure.child import run_in_child
from advisor.measure.ops.orders import Assignment, ScoutOrder
from advisor.measure.verification import Configuration, run_once
from advisor.measure.workload.children import ProfileRequest

HERE = Path(__file__).parent


def request(job: str) -> ProfileRequest:
    target = parse_target(f"{HERE / 'secret_workloads.py'}:{job}", working_directory=HERE)
    return ProfileRequest(describe(load_target(target)), options=MeasureOptions(samples=3))


def test_a_saved_profile_holds_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    description = request("failing_later").description
    assignment = Assignment(description, None, str(tmp_path), None, 3, 60.0)
    with caplog.at_level(logging.WARNING):
        child = run_in_child(
            "advisor.measure.ops.scout:scout",
            ScoutOrder(assignment, 20.0, 60.0, 0.0, False, 0, 0),
            timeout_s=120,
        )
    assert child.failure is None
    assert "hunter2@db" in caplog.text
    scouted = child.value
    base = make_saved_profile()
    (op,) = (replace(base.workload.ops[0], later_calls=scouted.later[0].samples),)
    workload = replace(base.workload, ops=(op,), notes=scouted.notes)
    text = store.to_text(replace(base, description=description, workload=workload))
    assert "hunter2" not in text
    assert "ConnectionError at " in text
    assert "secret_workloads.py:" in text
    tags = json.loads(text)["description"]["mapped"][0]["tags"]
    assert tags == {"owner": "", "dagster/priority": "1"}


def test_the_error_on_the_terminal_says_all() -> None:
    with pytest.raises(UserCodeError) as raised:
        profile_workload(request("failing"), budget_s=6)
    assert "ConnectionError: postgres://admin:hunter2@db" in str(raised.value)
    assert "mapping key 'hunter2_" in str(raised.value)
    assert "hunter2" not in raised.value.without_texts


@pytest.mark.parametrize("launch", ["execute_in_process", "execute_job", "cli"])
def test_a_verified_run_holds_none(launch: str, caplog: pytest.LogCaptureFixture) -> None:
    description = request("failing").description
    candidate = Candidate(launch=launch, executor="in_process")
    config = {} if launch == "execute_in_process" else {"execution": {"config": {"in_process": {}}}}
    configuration = Configuration("current", candidate, description.target, config)
    with caplog.at_level(logging.WARNING):
        run = run_once(configuration, timeout_s=120)
    assert run.failed is not None
    assert "hunter2" not in run.failed
    assert "hunter2" in caplog.text or launch == "cli"  # whose last line is Dagster's


def test_a_gate_report_holds_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "work.py").write_text("raise ConnectionError('postgres://admin:hunter2@db')\n")
    with caplog.at_level(logging.WARNING):
        report = check(
            CheckOptions(targets=("work.py:job",), working_directory=tmp_path, static=True)
        )
    assert "hunter2" not in repr(report)
    assert "ConnectionError" in repr(report)
    assert "hunter2" in caplog.text
