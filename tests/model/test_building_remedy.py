"""What building the definitions costs a way to run, and what a module without it would leave."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_host_profile
from test_search import profile

from advisor.domain.candidate import Candidate
from advisor.explanation.remedies import building_remedy
from advisor.model.contention import Contention
from advisor.model.fit import fit_overhead
from advisor.model.items import items_of
from advisor.model.prediction import Predictor
from advisor.model.setting import Machine, Setting

WARM = Candidate("execute_job", "multiprocess", "forkserver", ("m",), 1)
IN_PROCESS = Candidate("execute_job", "in_process")
BARE = Candidate("execute_in_process", "in_process")


def said(candidate: Candidate, build_s: float) -> list[str]:
    host = make_host_profile()
    runs = tuple(replace(run, started_at_s=run.run.started_at_s) for run in host.runs)
    host = replace(host, runs=runs, user_build_s=build_s, user_rebuild_s=build_s)
    items = items_of(profile(0.2, 0.0, 6))
    overhead = fit_overhead(host)
    setting = Setting(items, Contention(0.2), overhead, Machine(2.0, 24 << 30))
    predictor = Predictor(setting)
    return list(building_remedy(host, predictor.predict(candidate), predictor))


def test_every_step_pays_it_and_the_remedy_has_its_gain() -> None:
    (sentence,) = said(WARM, 4.0)
    assert sentence.startswith("Every step builds the definitions of shop.chunks")
    assert "with a preload list or without one" in sentence
    assert "a small module that defines this job alone" in sentence
    lean, takes = (float(word) for word in sentence.split() if _is_number(word))
    assert takes > lean + 7 * 2 * 4.0  # seven steps at the least, twice in each


def _is_number(word: str) -> bool:
    return word.replace(".", "").isdigit() and float(word) > 4.0


def test_in_process_it_is_paid_when_the_run_starts() -> None:
    (sentence,) = said(IN_PROCESS, 4.0)
    assert "4 times when a run starts" in sentence


@pytest.mark.parametrize(("candidate", "build_s"), [(WARM, 0.0), (WARM, 0.01), (BARE, 4.0)])
def test_what_costs_next_to_nothing_is_not_worth_a_word(
    candidate: Candidate, build_s: float
) -> None:
    assert said(candidate, build_s) == []
