"""Events that an op has Dagster record: priced by the calibration, and not as work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_order import WARM, chain, setting_for
from test_search import OVERHEAD

from advisor.domain.candidate import Candidate
from advisor.model.prediction import Predictor

IN_PROCESS = Candidate("execute_job", "in_process")
BATCHES = replace(WARM, batch_size=5)


def predicted(candidate: Candidate, events: int, *, of_assets: int = 0):
    workload = chain(0.1, 0.0, 10)
    first, second = workload.ops
    calls = tuple(
        replace(call, events=events, asset_events=of_assets) for call in first.later_calls
    )
    workload = replace(workload, ops=(replace(first, later_calls=calls), second))
    return Predictor(setting_for(workload)).predict(candidate)


def test_in_process_each_event_costs_what_recording_one_costs() -> None:
    with_events, without = predicted(IN_PROCESS, 200), predicted(IN_PROCESS, 0)
    price_s = 10 * 200 * OVERHEAD.in_process.event_s
    added_s = with_events.makespan_s.median - without.makespan_s.median
    assert added_s == pytest.approx(price_s, rel=0.05)
    assert with_events.breakdown_s.work_s == pytest.approx(without.breakdown_s.work_s)


@pytest.mark.parametrize("candidate", [IN_PROCESS, WARM, BATCHES])
def test_events_cost_under_every_way_and_those_of_assets_more(candidate) -> None:
    none, lines, materializations = (
        predicted(candidate, events, of_assets=of_assets).makespan_s.median
        for events, of_assets in ((0, 0), (200, 0), (200, 200))
    )
    least_s = 4 * 200 * OVERHEAD.in_process.event_s
    assert lines - none > least_s
    assert materializations - lines > least_s
