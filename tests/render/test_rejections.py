"""Which rejections are shown: one of each cause, whatever figures stand in its words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_advice

from advisor.domain.candidate import Candidate
from advisor.domain.rejection import Cause, Refusal
from advisor.render.ways import telling_rejections


def batched(workers: int) -> Candidate:
    return Candidate("execute_job", "in_process", batch_size=8, workers_in_op=workers)


def test_rejections_of_one_cause_are_shown_once_however_many_ways_they_are_of():
    of_two_pools = [
        Refusal(Cause.POOL, (8, pool, 2)).rejects(batched(n)) for n, pool in ((4, "api"), (8, "db"))
    ]
    other = Refusal(Cause.CONNECTIONS, (8, 4)).rejects(batched(8))
    slower = Refusal(Cause.SLOWER, (9.0, None, 3.0)).rejects(batched(2))
    advice = replace(make_advice(), rejected=(*of_two_pools, slower, other))
    assert [each.cause for each in telling_rejections(advice)] == [Cause.POOL, Cause.CONNECTIONS]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal(Cause.MEMORY, (2 << 30, 1 << 30, 0.0)), "needs 2.0 GiB, the host has 1.0 GiB"),
        (
            Refusal(Cause.SLOWER, (9.0, 4.0, 3.0)),
            "takes at least 9.0 s and 4.0 core-seconds; another way takes 3.0 s",
        ),
        (
            Refusal(Cause.ITEMS_FAILED, (8, 4, "process", "locked")),
            "has 8 items at work, and 4 processes failed: locked",
        ),
        (Refusal(Cause.NOT_REBUILT, (None,)), "the job cannot be rebuilt"),
    ],
)
def test_a_refusal_is_told_with_its_figures(refusal: Refusal, words: str):
    assert refusal.words == words


def test_every_cause_has_words():
    from advisor.domain.rejection import _WORDS

    assert set(_WORDS) == set(Cause) - {Cause.CROWDED}
