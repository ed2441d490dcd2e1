"""What cheaper steps save is measured in turn, within the time there is; told with its price."""

from __future__ import annotations

import pytest
from factories import make_host_profile

from advisor.dagster_bridge.instances import InstanceKind
from advisor.domain.host import CheaperStep, HostProfile
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.explanation.remedies import saving
from advisor.measure.calibration import CalibrationSubject
from advisor.measure.calibration import cheaper_steps as measured


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of the instances that were run on; a step costs less without logs."""
    found: list[str] = []

    def step_s(_subject: object, _host: object, home: str) -> float:
        found.append(home)
        text = (measured.Path(home) / "dagster.yaml").read_text()
        return 0.2 if "NoOp" in text else 0.3 + 0.01 * len(found)

    monkeypatch.setattr(measured, "_step_s", step_s)
    return found


def measure(kind: InstanceKind, budget_s: float) -> HostProfile:
    host = make_host_profile()
    subject = CalibrationSubject(host.facts, kind, None)
    return measured.with_cheaper_steps(
        subject, host, budget_s=budget_s, on_progress=lambda *_said: None
    )


def test_each_change_is_run_in_turn_with_the_plain_one(runs: list[str]) -> None:
    host = measure(InstanceKind("sqlite", {}), 1000.0)
    assert len(runs) == measured.MOST_ROUNDS * len(set(runs))
    (logs,) = (step for step in host.cheaper_steps if step.what == "no_compute_logs")
    assert logs.after_s == 0.2
    assert logs.before_s > 0.3
    assert logs.runs == measured.MOST_ROUNDS


def test_nothing_is_run_without_the_time_or_where_it_is_known(runs: list[str]) -> None:
    assert measure(InstanceKind("sqlite", {}), 5.0).cheaper_steps == ()
    assert not runs


def test_an_instance_that_captures_nothing_has_no_logs_to_leave_out(runs: list[str]) -> None:
    host = measure(InstanceKind("sqlite", measured.NO_LOGS), 1000.0)
    assert all(step.what != "no_compute_logs" for step in host.cheaper_steps)


def test_a_steps_cost_is_what_lies_between_starts_beside_the_work() -> None:
    steps = [
        ObservedStep("fan_out", "fan_out", None, "success", worker_starting_s=0.0),
        ObservedStep("m[a]", "m", "a", "success", worker_starting_s=2.0),
        ObservedStep("m[b]", "m", "b", "success", worker_starting_s=2.5),
        ObservedStep("collect", "collect", None, "success", worker_starting_s=3.2),
    ]
    run = ObservedRun("r", "j", "success", "multiprocess", 0.0, 4.0, tuple(steps))
    assert measured.mean_step_s(run) == pytest.approx(0.6 - measured.ITEM_WAIT_S)


def test_a_saving_is_told_with_its_price_and_none_as_none() -> None:
    said = saving(CheaperStep("no_compute_logs", 0.32, 0.26, 3))
    assert "0.26 s instead of 0.32 s" in said
    assert "Price: no stdout and stderr" in said
    assert "no gain" in saving(CheaperStep("storage_in_memory", 0.30, 0.295, 3))
