"""First calls of an item and repeated ones: which of them a run is predicted from."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_sample, make_saved_profile, make_workload_profile

from advisor.domain.candidate import Candidate
from advisor.domain.item_sample import ItemSample
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import OpProfile
from advisor.model.first_touches import first_touches
from advisor.model.measured_setting import setting_of
from advisor.model.prediction import Predictor

ITEMS, FIRST_S, AGAIN_S, IMPORTS_S = 30, 0.42, 0.02, 0.5


def call(item: int, wall_s: float, *, again: bool = False) -> ItemSample:
    return make_sample(item, wall_s=wall_s, cpu_s=0.001, again=again)


def op_with(further: list[ItemSample]) -> OpProfile:
    """Measured first; then some items again, and once more in fresh processes."""
    return OpProfile(
        "process_chunk",
        (call(15, FIRST_S + IMPORTS_S), call(3, AGAIN_S + IMPORTS_S, again=True)),
        (call(15, AGAIN_S, again=True),),
        (*(call(item, FIRST_S) for item in range(8)), *further),
    )


REPEATED = op_with([call(item, AGAIN_S, again=True) for item in range(8) for _ in range(10)])


def makespan_s(op: OpProfile, way: Candidate) -> float:
    workload = make_workload_profile(
        items=ITEMS, ops=(op,), probes=(), fan_out_items=ITEMS, fan_out_s=0.0, collect_s=0.0
    )
    saved = make_saved_profile(workload=workload, verifications=())
    return Predictor(setting_of(saved, AdviseOptions())).estimate(way).makespan_s


@pytest.mark.parametrize(
    "way",
    [
        Candidate("execute_job", "in_process"),
        Candidate("execute_job", "multiprocess", "forkserver", ("warm",), 1),
    ],
)
def test_what_repeats_gain_is_not_predicted(way):
    true_s = makespan_s(op_with([]), way)
    assert makespan_s(REPEATED, way) == pytest.approx(true_s, rel=0.1)


def test_repeats_that_are_no_quicker_all_count():
    alike = op_with([call(item, 0.95 * FIRST_S, again=True) for item in range(8)])
    alike = replace(alike, first_calls=alike.first_calls[:1], preloaded_first_calls=())
    assert first_touches(alike) is None
    assert first_touches(op_with([])) is None  # one item alone tells nothing
    found = first_touches(REPEATED)
    assert found is not None
    assert found.items == 8
