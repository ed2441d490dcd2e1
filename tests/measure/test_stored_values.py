"""A batch's result is one value: what it takes to store and to load is measured at its size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from factories import make_overhead, make_saved_profile
from stored_jobs import CALL_S, FURTHER_S

from advisor.api.recommend import recommend
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.options import AdviseOptions
from advisor.measure.child import run_in_child
from advisor.measure.ops.orders import Assignment, Scouted, ScoutOrder
from advisor.model.measured_setting import setting_of
from advisor.model.memory import peak_memory_bytes
from advisor.model.prediction import Predictor

HERE = Path(__file__).parent
ITEMS = 12
PLAIN = Candidate("execute_job", "in_process")
BATCH = replace(PLAIN, batch_size=ITEMS)


def scouted(name: str, workspace: Path) -> Scouted:
    target = parse_target(f"{HERE / 'stored_jobs.py'}:{name}", working_directory=HERE)
    assignment = Assignment(describe(load_target(target)), None, str(workspace), None, ITEMS, 60.0)
    order = ScoutOrder(assignment, 1.0, 60.0, 0.0, False, 0, 0)
    child = run_in_child("advisor.measure.ops.scout:scout", order, timeout_s=100, target=target)
    return child.unwrap()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Scouted:
    return scouted("remote", tmp_path_factory.mktemp("remote"))


def saved_with(found: Scouted):  # type: ignore[no-untyped-def]
    base = make_saved_profile(verifications=(), overhead=make_overhead())
    calls = [replace(run.samples["double"], item=run.item) for run in found.later]
    op = replace(base.workload.ops[0], first_calls=(), preloaded_first_calls=(),
                 later_calls=tuple(calls))  # fmt: skip
    workload = replace(base.workload, items=ITEMS, ops=(op,), probes=(), fan_out_items=ITEMS,
                       yielded=found.yielded, collected=found.collected)  # fmt: skip
    return replace(base, workload=workload)


def test_one_value_of_all_items_is_stored_and_loaded_by_the_jobs_own_io_manager(remote):
    for single, whole in (remote.yielded, remote.collected):
        assert (single.items, whole.items) == (1, ITEMS)
        assert whole.value_bytes == pytest.approx(ITEMS * single.value_bytes, rel=0.01)
        assert min(single.store_s, single.load_s) > 0.8 * CALL_S
        assert min(whole.store_s, whole.load_s) > 0.8 * (CALL_S + FURTHER_S * (ITEMS - 1))
        assert whole.wait_s > 1.6 * (CALL_S + FURTHER_S * (ITEMS - 1))
    assert remote.collected[1].storing_bytes > 2 * remote.collected[1].value_bytes  # its copies


def test_every_value_that_a_run_stores_and_loads_is_paid_for(remote):
    saved = saved_with(remote)
    free = replace(saved, workload=replace(saved.workload, yielded=(), collected=()))

    def seconds(way: Candidate, of=saved) -> float:  # type: ignore[no-untyped-def]
        return Predictor(setting_of(of, AdviseOptions())).estimate(way).makespan_s

    # two stores and two loads of each item, of which the op's own were paid for before
    assert seconds(PLAIN) - seconds(PLAIN, free) > 2 * ITEMS * CALL_S * 0.9
    whole_s = CALL_S + FURTHER_S * (ITEMS - 1)
    assert 4 * whole_s < seconds(BATCH) - seconds(replace(BATCH, launch="execute_in_process"))
    assert seconds(BATCH) < seconds(PLAIN)


def test_the_copies_that_storing_makes_are_counted(remote):
    setting = setting_of(saved_with(remote), AdviseOptions())
    bare = replace(setting, items=replace(setting.items, copies=(1.0, 1.0)))
    assert peak_memory_bytes(BATCH, setting) > peak_memory_bytes(BATCH, bare) + 20_000_000


def test_no_batch_is_advised_where_the_io_manager_takes_no_list(tmp_path):
    found = scouted("one_value", tmp_path)
    assert [value.failed for value in found.collected] == [None, "TypeError"]
    advice = recommend(saved_with(found), AdviseOptions())
    assert all(way.candidate.batch_size == 1 for way in advice.candidates)
    reasons = {each.reason for each in advice.rejected if each.candidate.batch_size > 1}
    assert "its IO manager does not take a list of items (TypeError)" in reasons
