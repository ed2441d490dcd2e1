"""The list that is predicted: its own order, what was measured at its places, the rest drawn."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_calibration import EIGHT_STEPS, setting_of, workload

from advisor.domain.candidate import Candidate
from advisor.domain.workload import ConcurrencyProbe
from advisor.measure.ops.drawn import places
from advisor.measure.workload.concurrency import ratio_error
from advisor.measure.workload.probing import harmed
from advisor.model.contention import fit_contention
from advisor.model.items import items_of
from advisor.model.listing import drawn_lists, reference_list, with_last
from advisor.model.prediction import Predictor
from advisor.model.search import floors
from advisor.model.setting import DRAWS
from advisor.model.uncertainty import noisy_draws


def test_a_long_item_that_was_seen_stays_alone_at_its_place() -> None:
    items = items_of(workload(16, [(0, 10.0), *((item, 1.0) for item in range(1, 13))]))
    order = items.wall_s[reference_list(items)]
    assert order[0] == 10.0
    assert order[1:].max() == 1.0
    assert (items.wall_s[drawn_lists(items, 50)][:, 0] == 10.0).all()


def test_an_ordered_list_keeps_its_order() -> None:
    measured = places(2000, 40, seed=3)
    items = items_of(workload(2000, [(item, 1.0 + item / 1000) for item in measured]))
    drawn = items.wall_s[drawn_lists(items, 20)]
    assert drawn[:, :500].mean() == pytest.approx(1.25, rel=0.05)
    assert drawn[:, -500:].mean() == pytest.approx(2.75, rel=0.05)


def test_the_last_of_a_sorted_list_is_longer_than_the_longest_that_was_measured() -> None:
    walls_s = np.sort(np.random.default_rng(1).lognormal(0.0, 0.4, 200))
    measured = places(200, 40, seed=1)
    items = with_last(items_of(workload(200, [(item, walls_s[item]) for item in measured])))
    assert max(measured) < 199
    assert items.wall_s[reference_list(items)[-1]] == pytest.approx(walls_s[-1], rel=0.1)
    assert items.mean_wall_s[-2] < 0.85 * walls_s[-1]


def test_floors_of_a_sorted_list_hold_its_last_item_though_it_was_not_measured() -> None:
    rising = workload(200, [(item, 1.0 + item / 100) for item in range(0, 200, 5)])
    found = floors(Predictor(setting_of(rising)))
    assert found.critical_path_s > items_of(rising).wall_s.max()
    assert found.serial_s == pytest.approx(200 * 2.0, rel=0.05)


def test_no_place_is_sampled_by_rule_and_no_period_is_met() -> None:
    seen = [places(312, 40, seed) for seed in range(200)]
    assert all(len(set(each)) == 40 for each in seen)
    ends = np.mean([0 in each for each in seen]), np.mean([311 in each for each in seen])
    assert max(ends) < 0.25
    heavy = [np.mean([10.0 if place % 8 == 0 else 1.0 for place in each]) for each in seen]
    assert np.mean(heavy) == pytest.approx(1.0 + 9.0 / 8.0, rel=0.05)


def test_remote_calls_that_differ_by_themselves_spread_the_makespan() -> None:
    rng = np.random.default_rng(1)
    walls_s = rng.exponential(0.5, (6, 20))
    calls = [(item, float(row[item])) for row in walls_s for item in range(20)]
    threads = Candidate(
        "execute_job", "in_process", batch_size=20, workers_in_op=20, worker_kind="thread"
    )
    found = Predictor(setting_of(workload(20, calls))).estimate(threads)
    assert found.breakdown_s.work_s > 1.4  # the mean of 20 such maxima is 1.8 s, of means 0.9 s
    assert np.std(found.draws_s) > 0.2


@pytest.mark.parametrize("seed", range(5))
def test_a_probe_of_calls_that_differ_by_themselves_is_no_contention(seed) -> None:
    rng = np.random.default_rng(seed)
    probes = []
    for workers in (2, 4, 8, 16, 24):
        walls_s, alone_s = rng.exponential(0.4, (2, workers)).tolist()
        slowdown = sum(walls_s) / sum(alone_s)
        error = ratio_error(walls_s, alone_s)
        probes.append(ConcurrencyProbe("thread", workers, slowdown, error=error))
        assert not harmed(probes)
    found = fit_contention(probes, alone_s=0.4, cpu_s=0.001, cores=2)
    assert found.beyond_turns("thread", 24) < 1.1


def test_a_lock_is_contention_however_alike_the_calls_are() -> None:
    alike = [ConcurrencyProbe("thread", n, float(n), error=0.01) for n in (2, 4)]
    assert fit_contention(alike, alone_s=0.4, cpu_s=0.0, cores=2).beyond_turns("thread", 4) > 3
    assert harmed([alike[0], ConcurrencyProbe("thread", 4, 5.0, error=0.01)])


def test_no_way_is_luckier_than_another() -> None:
    setting = setting_of(workload(20, [(item, 1.0) for item in range(20)]))
    predictor = Predictor(setting)
    ways = (EIGHT_STEPS, Candidate("execute_job", "in_process"))
    rows = np.log(noisy_draws([predictor.estimate(way) for way in ways], setting))
    off = rows.mean(axis=1) - np.log([predictor.estimate(way).makespan_s for way in ways])
    assert rows.shape == (2, DRAWS)
    assert np.abs(off).max() < 1e-3
