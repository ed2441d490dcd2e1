"""A budget on a machine that others use: what no longer fits is not begun, what was begun ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from factories import make_host_profile

from advisor.api import host_calibration as host_calibrations
from advisor.api.calibrating import subject_of
from advisor.api.host_calibration import HostCalibration, host_calibration
from advisor.api.measuring import Measuring
from advisor.api.profile import _measure_whole_step
from advisor.dagster_bridge.process_usage import slowness
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.cluster import Cluster
from advisor.domain.stopping import MODULE
from advisor.measure.budget import Budget
from advisor.measure.calibration import calibrate
from advisor.measure.child.server import child_server
from advisor.measure.progress import silent
from advisor.measure.workload.children import ProfileRequest
from advisor.measure.workload.scouting import scout
from advisor.measure.workspace import workspace

WORKLOADS = Path(__file__).parents[1] / "measure"


class Passed(Budget):
    """One that a part passes at once, as on a loaded machine."""

    cut_off_s = 0.2
    is_over = True


@pytest.fixture
def looks(tmp_path, monkeypatch):
    """How long each first look believed that a Python starts; None: it started one."""
    made: list[float | None] = []

    def first_look(_subject, *, start_s, **_options):
        made.append(start_s)
        return make_host_profile()

    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(host_calibrations, "first_look", first_look)
    return made


@pytest.mark.parametrize(
    ("given", "look"),
    [
        ((60.0, 4.0), None),
        ((20.0, 12.0), 11.0),
        ((30.0, 4.0, 4.0), 3.0),  # 7 s on a quiet machine are 28 here
    ],
)
def test_where_a_new_python_does_not_fit_the_host_is_seen_without_one(looks, given, look):
    host_calibration(
        subject_of(None), Budget(*given), silent, recalibrate=False, loading_s=1.0, rebuild_s=0.0
    )
    assert looks == [look]


def test_definitions_that_are_built_anew_are_not_measured_where_that_does_not_fit(
    looks, monkeypatch
):
    def calibrated(*_arguments: object, **_options: object) -> object:
        pytest.fail("a calibration was begun that could not end in time")

    monkeypatch.setattr(host_calibrations, "calibrated_host", calibrated)
    budget = Budget(60.0, importing_s=4.0, slowness=4.0)
    host = host_calibration(
        subject_of(None), budget, silent, recalibrate=False, loading_s=4.0, rebuild_s=4.0
    )
    assert not host.module_is_known
    assert len(looks) == 1


def test_parts_that_a_quiet_machine_was_seen_to_take_are_dearer_on_a_busy_one():
    def costs_s(slowness: float) -> dict[str, float]:
        budget = Budget(60.0, slowness=slowness)
        known = HostCalibration(subject_of(None), make_host_profile(), budget, silent)
        unknown = HostCalibration(subject_of(None), make_host_profile(), budget, silent, False)
        parts = [*known.open_parts(("warm_forkserver",)), *unknown.open_parts(())]
        assert any(part.tells.method == MODULE for part in parts)
        return {part.name: part.cost_s for part in parts}

    quiet, busy = costs_s(1.0), costs_s(3.0)
    assert busy == {name: pytest.approx(3 * cost_s) for name, cost_s in quiet.items()}


def test_a_run_in_a_process_that_is_forked_tells_enough_for_a_first_answer():
    with child_server(), workspace():
        host = calibrate(subject_of(None), starts=False, start_s=2.0, left_s=lambda: 1.0)
    (run,) = host.runs
    assert (run.method, run.items, host.storing) == ("in_process", 4, ())
    assert host.python_start_s == 2.0


def test_a_step_of_a_cluster_is_not_run_where_it_does_not_fit():
    budget = Budget(30.0, slowness=4.0)
    host = HostCalibration(subject_of(None), make_host_profile(), budget, silent)
    before = host.profile
    _measure_whole_step(host, Cluster("prod", "k8s"))
    assert host.profile is before
    assert budget.left_out == ["a step as prod runs it"]


def test_a_step_of_a_cluster_ends_with_the_budget():
    host = HostCalibration(subject_of(None), make_host_profile(), Passed(60.0), silent)
    _measure_whole_step(host, Cluster("prod", "k8s"))
    assert host.profile.whole_step is None
    assert "did not end" in host.profile.unmeasured["a step as prod runs it"]


def test_a_check_of_imports_that_is_cut_off_leaves_the_answer_as_it_is():
    target = parse_target(f"{WORKLOADS / 'workloads.py'}:napping", working_directory=WORKLOADS)
    way = SimpleNamespace(candidate=SimpleNamespace(start_method="forkserver"))
    found = SimpleNamespace(result=SimpleNamespace(recommendation=way, config_only=way))
    with workspace():
        campaign = scout(ProfileRequest(describe(load_target(target))), Passed(60.0), silent)
        campaign.scouted = replace(campaign.scouted, imported=("decimal",))
        assert not Measuring(campaign, None, None, None)._check_preload(found)


def test_a_machine_is_never_quicker_than_alone():
    assert slowness() >= 1.0
