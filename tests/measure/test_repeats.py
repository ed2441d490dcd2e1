"""An item is called for the first time once: that call is told from repeats, and predicted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from first_touch_jobs import AGAIN_S, FIRST_S, ITEMS, READING_S
from measuring import profile_workload

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.options import MeasureOptions
from advisor.domain.workload import WorkloadProfile
from advisor.measure.ops.parallel import _switching_often
from advisor.measure.workload.children import ProfileRequest
from advisor.model.items import items_of

HERE = Path(__file__).parent


def profiled(job: str, cache: Path, **options: bool) -> WorkloadProfile:
    target = parse_target(f"{HERE / 'first_touch_jobs.py'}:{job}", working_directory=HERE)
    asked = ProfileRequest(describe(load_target(target)), options=MeasureOptions(**options))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITEM_CACHE", str(cache))
        return profile_workload(asked, budget_s=200.0)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> WorkloadProfile:
    return profiled("cached_job", tmp_path_factory.mktemp("cache"))


def test_a_run_pays_the_first_call_of_each_item(measured):
    (op,) = measured.ops
    firsts = [call for call in op.later_calls if not call.again]
    assert len(firsts) == len({call.item for call in firsts}) == ITEMS - 1
    assert len(op.later_calls) > 2 * ITEMS  # most of all calls were quick
    mean_s = float(items_of(measured).wall_s.mean())
    assert mean_s == pytest.approx(sum(call.wall_s for call in firsts) / len(firsts), rel=0.1)
    assert mean_s > FIRST_S + AGAIN_S


def test_the_output_says_which_is_predicted(measured):
    (note,) = (note for note in measured.notes if "first touch" in note)
    assert "An item's first call of 'cached' took" in note


def test_quick_repeats_do_not_hide_what_workers_cost_each_other(measured):
    assert all(probe.slowdown > 0.5 for probe in measured.probes if not probe.failed)


def test_threads_of_a_probe_interrupt_each_other_often():
    before_s = sys.getswitchinterval()
    with _switching_often(2):
        assert sys.getswitchinterval() < 0.1 * before_s
    assert sys.getswitchinterval() == before_s


def test_files_that_the_very_first_call_reads_are_not_read_by_each_process(tmp_path):
    profile = profiled("reading_job", tmp_path)
    assert items_of(profile).first_extra_s < 0.2 * READING_S
    assert any("The very first call waited 0.8" in note for note in profile.notes)


def test_what_each_process_waits_for_in_its_first_call_is_predicted(tmp_path):
    profile = profiled("connecting_job", tmp_path)
    assert items_of(profile).first_extra_s == pytest.approx(READING_S, rel=0.1)
    assert not any("The very first call waited" in note for note in profile.notes)


@pytest.mark.parametrize("again", [None, False])
def test_a_long_item_that_came_first_read_no_files(tmp_path, again):
    profile = profiled("one_long_job", tmp_path, allow_side_effects=again)
    calls = [call for op in profile.ops for call in (*op.first_calls, *op.later_calls)]
    assert max(call.wall_s for call in calls) == pytest.approx(READING_S, rel=0.1)
    assert not any("The very first call waited" in note for note in profile.notes)
