"""A change of code is advised where it gains more than its class errs, and enough to matter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import THREADS_8, WARM_8, make_advice, make_prediction
from test_search import advise, profile

from advisor.domain.candidate import Candidate
from advisor.domain.trial import Trial
from advisor.model.search import pays
from advisor.render.wording import certainty

DEPTH_FIRST = replace(WARM_8, depth_first=True)


@pytest.mark.parametrize(
    ("candidate", "score_s", "without_s", "worth"),
    [
        (THREADS_8, 0.05, 0.10, False),  # half the time, and 0.05 s
        (THREADS_8, 0.30, 1.29, False),
        (THREADS_8, 0.30, 1.31, True),
        (THREADS_8, 91.5, 100.0, False),  # 8.5 s, within the error of batches
        (THREADS_8, 90.5, 100.0, True),
        (DEPTH_FIRST, 93.5, 100.0, True),  # plain ways err by less
        (DEPTH_FIRST, 94.5, 100.0, False),
        (THREADS_8, 101.0, 100.0, False),
    ],
)
def test_the_gain_must_be_above_the_error_and_above_a_second(
    candidate: Candidate, score_s: float, without_s: float, worth: bool
) -> None:
    assert pays(candidate, score_s, without_s) is worth


def test_a_short_run_keeps_its_code_though_threads_would_be_much_faster() -> None:
    found = advise(profile(0.05, 0.001, 6))

    assert not found.recommendation.candidate.needs_code
    assert found.tie
    quickest = min(p.makespan_s.median for p in found.candidates if p.candidate.needs_code)
    assert quickest < 0.5 * found.recommendation.makespan_s.median


def test_a_long_run_is_worth_the_code() -> None:
    assert advise(profile(0.5, 0.001, 100)).recommendation.candidate.needs_code


def test_what_is_certain_says_what_the_code_would_have_saved() -> None:
    serial = make_prediction(Candidate("execute_job", "in_process"), 0.9)
    threads = make_prediction(THREADS_8, 0.4)

    said = certainty(
        make_advice(
            recommendation=serial, config_only=serial, candidates=(threads, serial), tie=True
        )
    )

    assert said == (
        "Keep your code: in_process executor, batches of 8, 8 threads per step would save 0.50 s "
        "of 0.90 s, too little for a change of code."
    )


def test_a_change_that_was_never_tried_is_not_called_too_little() -> None:
    serial = make_prediction(Candidate("execute_job", "in_process"), 9.0)
    batch = make_prediction(Candidate("execute_job", "in_process", batch_size=8), 8.8)
    threads = replace(make_prediction(THREADS_8, 1.0), trial=Trial.NOT_TRIED)

    said = certainty(
        make_advice(
            recommendation=serial,
            config_only=serial,
            candidates=(threads, batch, serial),
            tie=True,
            untried=threads,
        )
    )

    assert "8 threads per step might be faster (1.0 s): not tried." in said
    assert "batches of 8 would save 0.20 s of 9.0 s, too little" in said
