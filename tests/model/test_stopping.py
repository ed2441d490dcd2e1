"""The stop rule by truth recovery: synthetic workloads of which everything is known.

Each is measured twice: part by part until the rule ends it, and in full. What the early end costs
is the makespan of the way chosen then over that of the way chosen in full, both under the truth.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from factories import (
    make_description,
    make_host_profile,
    make_overhead,
    make_sample,
    make_workload_profile,
)

from advisor.api.recommend import searched
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.stopping import MODULE, PartKind, Unknown
from advisor.domain.trial import Agreement, Comparison
from advisor.domain.workload import ConcurrencyProbe, OpProfile
from advisor.model.stopping import FLOOR_S, REGRET, is_wide, needed_workers, next_unknown, stakes_of

ASKED = AdviseOptions()
SAME = Comparison(Agreement.SAME, "")
SCOUTED, DRAWN = 4, 24
LADDER = (2, 4, 8, 16, 32)
COST_S = {PartKind.SAMPLES: 4.0, PartKind.PROCESSES: 3.0, PartKind.PRELOADED_CALL: 5.0}


@dataclass(frozen=True)
class Truth:
    """A workload: its items, and what they do in parallel."""

    walls_s: tuple[float, ...]
    busy: float
    first_extra_s: float
    served: int
    """Items in parallel that an outside service serves at full speed."""
    breaks_at: int
    """Threads in parallel that fail."""

    def samples(self, count: int):
        return tuple(
            make_sample(item, wall_s=wall_s, cpu_s=wall_s * self.busy)
            for item, wall_s in enumerate(self.walls_s[:count])
        )

    def probe(self, kind: str, workers: int) -> ConcurrencyProbe:
        if kind == "thread" and workers >= self.breaks_at:
            return ConcurrencyProbe(kind, workers, 0.0, "ValueError")
        cores = 1 if kind == "thread" else 2
        turns = 1 - self.busy + self.busy * max(1.0, workers / cores)
        slowdown = max(turns, workers / self.served)
        return ConcurrencyProbe(kind, workers, slowdown, comparison=SAME)


def truth_of(seed: int) -> Truth:
    rng = random.Random(seed)
    typical_s = 10 ** rng.uniform(-2.3, 0.7)
    spread = rng.choice((0.0, 0.1, 0.6))
    return Truth(
        tuple(typical_s * np.exp(spread * rng.gauss(0, 1)) for _ in range(rng.choice((8, 24, 60)))),
        busy=rng.choice((0.01, 0.3, 0.98)),
        first_extra_s=rng.choice((0.0, 0.3, 2.0)),
        served=rng.choice((2, 6, 1000)),
        breaks_at=rng.choice((2, 8, 1000, 1000)),
    )


def scouted(truth: Truth) -> Measured:
    first = replace(truth.samples(1)[0], wall_s=truth.walls_s[0] + truth.first_extra_s)
    op = OpProfile("process_chunk", (first,), (), truth.samples(SCOUTED))
    count = len(truth.walls_s)
    workload = make_workload_profile(items=count, fan_out_items=count, ops=(op,), probes=())
    return Measured(
        description=make_description(),
        workload=workload,
        host=make_host_profile(),
        overhead=make_overhead(),
    )


def measured_more(measured: Measured, truth: Truth, unknown: Unknown) -> Measured:
    """With what the part really shows."""
    workload = measured.workload
    (op,) = workload.ops
    if unknown.kind is PartKind.SAMPLES:
        op = replace(op, later_calls=truth.samples(DRAWN))
    elif unknown.kind is PartKind.PRELOADED_CALL:
        op = replace(op, preloaded_first_calls=truth.samples(1))
    else:
        kind = "thread" if unknown.kind is PartKind.THREADS else "process"
        probe = truth.probe(kind, unknown.workers)
        return replace(measured, workload=replace(workload, probes=(*workload.probes, probe)))
    return replace(measured, workload=replace(workload, ops=(op,)))


def parts(measured: Measured, truth: Truth) -> list[Unknown]:
    """What is left."""
    (op,), probes = measured.workload.ops, measured.workload.probes
    left = []
    if len(op.later_calls) < min(DRAWN, len(truth.walls_s)):
        left.append(Unknown(PartKind.SAMPLES))
    if not op.preloaded_first_calls:
        left.append(Unknown(PartKind.PRELOADED_CALL))
    for kind, part in (("thread", PartKind.THREADS), ("process", PartKind.PROCESSES)):
        tried = {p.workers for p in probes if p.worker_kind == kind}
        harm = min((p.workers for p in probes if p.worker_kind == kind and p.failed), default=99)
        most = len(truth.walls_s) if truth.busy < 0.5 else 4
        left += [Unknown(part, n) for n in LADDER if n <= most and n < harm and n not in tried]
    return left


def search(measured: Measured):
    return searched(measured, ASKED)


def stopped_early(truth: Truth) -> tuple[Measured, int]:
    """What is measured when the rule ends it, and in how many parts."""
    measured, done = scouted(truth), 0
    while True:
        now, left = search(measured), parts(measured, truth)
        widest = {unknown.kind: unknown for unknown in left}
        stakes = stakes_of(measured, now, list(widest.values()), search, ASKED)
        samples = widest.get(PartKind.SAMPLES)
        if samples and is_wide(measured, now.result.recommendation, ASKED, None):
            stakes.gains_s[samples] = 1.0
        costs_s = {unknown: COST_S.get(unknown.kind, 2.0) for unknown in widest.values()}
        chosen = next_unknown(stakes, costs_s)
        if chosen is None:
            return measured, done
        alike = [unknown for unknown in left if unknown.kind is chosen.kind]
        enough = [u for u in alike if u.workers >= needed_workers(stakes.leads, chosen.kind)]
        measured = measured_more(measured, truth, (enough or alike[-1:])[0])
        done += 1


def in_full(truth: Truth) -> tuple[Measured, int]:
    measured, done = scouted(truth), 0
    while left := parts(measured, truth):
        measured, done = measured_more(measured, truth, left[0]), done + 1
    return measured, done


def regret(early: Measured, full: Measured) -> float:
    """What the way chosen early loses under all that is known, with and without code.

    Less than the floor counts as nothing, as promised.
    """
    known, chosen = search(full), search(early).result

    def lost(way, best) -> float:
        stays_s = known.predictor.estimate(way.candidate).makespan_s
        lost_s = stays_s - best.makespan_s.median
        return lost_s / best.makespan_s.median if lost_s > FLOOR_S else 0.0

    return max(
        lost(chosen.recommendation, known.result.recommendation),
        lost(chosen.config_only, known.result.config_only),
    )


def outcomes_of(seeds) -> list[tuple[float, int, int]]:
    """Of each workload: the regret, and the parts that were measured early and in full."""
    found = []
    for seed in seeds:
        truth = truth_of(seed)
        (early, few), (full, many) = stopped_early(truth), in_full(truth)
        found.append((regret(early, full), few, many))
    return found


@pytest.fixture(scope="module")
def outcomes():
    return outcomes_of(range(8))


def test_stopping_early_costs_no_more_than_promised(outcomes):
    assert np.quantile([lost for lost, _, _ in outcomes], 0.9) <= REGRET


def test_it_leaves_out_most_of_the_parts(outcomes):
    few, many = (sum(counts) for counts in list(zip(*outcomes, strict=True))[1:])
    assert few < 0.5 * many


def waiting(item_s: float, count: int = 8) -> Truth:
    return Truth((item_s,) * count, 0.01, 0.0, served=1000, breaks_at=1000)


def test_items_of_5_ms_need_no_process():
    left = parts(scouted(waiting(0.005)), waiting(0.005))
    measured = scouted(waiting(0.005))
    stakes = stakes_of(measured, search(measured), left, search, ASKED)
    assert not any(g for u, g in stakes.gains_s.items() if u.kind is PartKind.PROCESSES)


def test_a_constant_needs_no_further_sample():
    measured = scouted(waiting(0.5))
    assert not is_wide(measured, search(measured).result.recommendation, ASKED, None)


def test_where_results_cannot_be_compared_one_probe_is_enough():
    truth, nothing = waiting(0.5), Comparison(reason="the result is None")
    measured = measured_more(scouted(truth), truth, Unknown(PartKind.THREADS, 2))
    (probe,) = measured.workload.probes
    probed = replace(measured.workload, probes=(replace(probe, comparison=nothing),))
    measured = replace(measured, workload=probed)
    threads = [u for u in parts(measured, truth) if u.kind is PartKind.THREADS]
    stakes = stakes_of(measured, search(measured), threads, search, ASKED)
    assert next_unknown(stakes, dict.fromkeys(stakes.gains_s, 2.0)) is None


def test_what_waits_for_half_a_second_is_tried_in_threads_first():
    measured = scouted(waiting(0.5))
    left = {u.kind: u for u in parts(measured, waiting(0.5))}.values()
    stakes = stakes_of(measured, search(measured), list(left), search, ASKED)
    chosen = next_unknown(stakes, {u: COST_S.get(u.kind, 2.0) for u in left})
    assert chosen is not None
    assert chosen.kind is PartKind.THREADS
    assert needed_workers(stakes.leads, PartKind.THREADS) == 8


def test_of_parts_that_gain_together_those_are_measured_without_which_nothing_is_gained():
    """Threads worked. Processes could win by config alone: if steps are cheap and preload helps."""
    truth = replace(waiting(0.6, count=20), first_extra_s=20.0)
    measured = measured_more(scouted(truth), truth, Unknown(PartKind.THREADS, 20))
    methods = measured.overhead.multiprocess
    measured = replace(measured, overhead=replace(measured.overhead, estimated=tuple(methods)))
    steps, preloaded = Unknown(PartKind.METHOD, method=MODULE), Unknown(PartKind.PRELOADED_CALL)
    costs_s = {steps: 13.0, preloaded: 3.0, Unknown(PartKind.THREADS, 16): 0.5}
    stakes = stakes_of(measured, search(measured), list(costs_s), search, ASKED)
    assert not any(stakes.gains_s.values())
    assert set(stakes.needed) == {steps, preloaded}
    assert next_unknown(stakes, costs_s) == preloaded
    assert next_unknown(stakes.without(preloaded), costs_s) is None


if __name__ == "__main__":  # python tests/model/test_stopping.py 200
    regrets, few_parts, many_parts = zip(*outcomes_of(range(int(sys.argv[1]))), strict=True)
    above = np.mean(np.array(regrets) > REGRET)
    sys.stdout.write(
        f"{len(regrets)} workloads: regret above {REGRET:.0%} in {above:.1%}, 90th percentile "
        f"{np.quantile(regrets, 0.9):.1%}, largest {max(regrets):.1%}; "
        f"{np.mean(few_parts):.1f} of {np.mean(many_parts):.1f} parts\n"
    )
