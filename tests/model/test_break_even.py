"""From which item duration running at once pays off."""

from __future__ import annotations

import pytest
from test_search import OVERHEAD

from advisor.domain.candidate import Candidate
from advisor.model.break_even import crossings, uniform_items
from advisor.model.contention import Contention
from advisor.model.prediction import Predictor
from advisor.model.setting import Machine, Setting


def makespan_s(way: Candidate, items: int, wall_s: float, cpu_share: float) -> float:
    setting = Setting(
        uniform_items(items, wall_s, cpu_share),
        Contention(wall_s),
        OVERHEAD,
        Machine(2.0, 0),
    )
    return Predictor(setting).estimate(way).makespan_s


@pytest.mark.parametrize("items", [10, 100])
def test_below_the_crossing_in_process_wins_and_above_it_the_other(items: int) -> None:
    found = {
        row.to_method: row.item_s
        for row in crossings(OVERHEAD, items=items, cores=2.0, cpu_share=0.0)
    }
    serial = Candidate("execute_job", "in_process")
    spawn = Candidate("execute_job", "multiprocess", "spawn", (), 8)
    at = found["multiprocess, spawn"]
    assert at is not None
    assert makespan_s(spawn, items, 0.9 * at, 0.0) > makespan_s(serial, items, 0.9 * at, 0.0)
    assert makespan_s(spawn, items, 1.1 * at, 0.0) < makespan_s(serial, items, 1.1 * at, 0.0)


def test_cheaper_steps_pay_off_earlier() -> None:
    rows = crossings(OVERHEAD, items=50, cores=2.0, cpu_share=0.0)
    by_method = {row.to_method.split(", ")[1]: row.item_s for row in rows}
    assert by_method["warm forkserver"] < by_method["forkserver"] < by_method["spawn"]


def test_on_one_core_computing_never_pays_off() -> None:
    rows = crossings(OVERHEAD, items=20, cores=1.0, cpu_share=1.0)
    assert all(row.item_s is None for row in rows)
