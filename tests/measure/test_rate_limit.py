"""A bucket of tokens behind the op is told from everything else that makes items slower."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from factories import make_saved_profile

from advisor.api.recommend import recommend
from advisor.domain.options import AdviseOptions
from advisor.domain.trial import RateLimit
from advisor.measure.workload.concurrency import rate_limit

BURST, RATE = 10, 20.0


def through_a_bucket(workers: int, rounds: int, item_s: float) -> list[list[tuple[float, float]]]:
    """The calls of workers that each take a token first, as the clock of a bucket serves them."""
    calls: list[list[tuple[float, float]]] = [[] for _ in range(workers)]
    ready_s = [0.0] * workers
    for served in range(workers * rounds):
        worker = min(range(workers), key=lambda each: (ready_s[each], each))
        begin_s = ready_s[worker]
        # The bucket is full at first, and gets RATE tokens per second.
        token_s = max(begin_s, (served + 1 - BURST) / RATE)
        ready_s[worker] = token_s + item_s
        calls[worker].append((ready_s[worker] - begin_s, item_s))
    return calls


@pytest.mark.parametrize(
    ("workers", "rounds", "item_s"), [(1, 25, 0.01), (2, 25, 0.01), (8, 3, 0.1), (32, 3, 0.1)]
)
def test_a_bucket_of_tokens_is_seen_with_its_rate(workers: int, rounds: int, item_s: float) -> None:
    found = rate_limit(through_a_bucket(workers, rounds, item_s))
    assert found is not None
    assert found.per_s == pytest.approx(RATE, rel=0.1)
    assert 5 <= found.after_calls <= 2 * BURST


@pytest.mark.parametrize("seed", range(5))
def test_a_bucket_is_seen_on_a_busy_machine_too(seed: int) -> None:
    """At a load of 18 on 2 cores it was taken for contention, and 16 threads advised."""
    late = random.Random(seed)
    calls = [
        [(wall_s + late.expovariate(10.0), alone_s) for wall_s, alone_s in each]
        for each in through_a_bucket(64, 3, 0.05)
    ]
    found = rate_limit(calls)
    assert found is not None
    assert found.per_s == pytest.approx(RATE, rel=0.2)


@pytest.mark.parametrize("served", [4, 8, 16])
def test_a_service_that_serves_some_in_parallel_is_no_rate(served: int) -> None:
    waves = [
        [((worker // served + 1) * 0.1, 0.1)] + [(6.4 / served, 0.1)] * 2 for worker in range(64)
    ]
    assert rate_limit(waves) is None


@pytest.mark.parametrize(
    "calls",
    [
        [[(0.01, 0.01)] * 25],  # nothing limits it
        [[(0.04, 0.01)] * 25] * 4,  # cores or a lock: slow from the first call on
        [[(0.01, 0.01)] * 12 + [(0.2, 0.2)] * 12],  # the later items take longer by themselves
        [[(0.01 * 1.15**n, 0.01) for n in range(30)]],  # state grows: no rate, ever slower
        [[(0.01, 0.01)] * 8 + [(0.2, 0.01)] * 3 + [(0.01, 0.01)] * 8],  # a hiccup
        [[(0.1, 0.1)] * 3] * 8,
    ],
)
def test_what_is_no_rate_limit_is_not_called_one(calls: list[list[tuple[float, float]]]) -> None:
    assert rate_limit(calls) is None


def test_a_rate_that_a_probe_ran_into_limits_the_advice_and_is_named() -> None:
    saved = make_saved_profile()
    probes = tuple(replace(probe, rate=RateLimit(2.0, 12)) for probe in saved.workload.probes)
    assert probes
    saved = replace(saved, workload=replace(saved.workload, probes=probes))
    advice = recommend(saved, AdviseOptions(items=100), snippets=False)
    assert advice.recommendation.makespan_s.median >= (100 - 12) / 2.0
    (caution,) = advice.cautions
    assert "after 12 calls each takes longer: a rate limit of about 2 items per second" in caution
    reasons = " ".join(advice.recommendation.reasons)
    assert "limited by the rate that was seen: 2 items per second" in reasons
    told = recommend(saved, AdviseOptions(items=100, max_rate=50.0), snippets=False)
    assert told.recommendation.makespan_s.median < 30
    assert not told.cautions
