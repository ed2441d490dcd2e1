"""Advice from a saved profile: what cannot cross a process is rejected with its reason."""

from __future__ import annotations

from dataclasses import replace

from factories import make_saved_profile

from advisor.api.options import AdviseOptions
from advisor.api.recommend import recommend
from advisor.store import SavedProfile


def with_unpicklable_output(saved: SavedProfile) -> SavedProfile:
    op = replace(saved.workload.ops[0], unpicklable="output 'result' holds a lock")
    ops = (op, *saved.workload.ops[1:])
    return replace(saved, workload=replace(saved.workload, ops=ops))


def test_an_output_that_cannot_be_pickled_rejects_every_process_with_the_reason() -> None:
    advice = recommend(with_unpicklable_output(make_saved_profile()), AdviseOptions())
    assert all(p.candidate.executor == "in_process" for p in advice.candidates)
    assert all(p.candidate.worker_kind != "process" for p in advice.candidates)
    rejected = [r for r in advice.rejected if "cannot be pickled" in r.reason]
    assert any(r.candidate.executor == "multiprocess" for r in rejected)
    assert all("holds a lock" in r.reason for r in rejected)


def test_picklable_outputs_are_considered_in_processes() -> None:
    advice = recommend(make_saved_profile(), AdviseOptions())
    assert any(p.candidate.executor == "multiprocess" for p in advice.candidates)
    assert not any("cannot be pickled" in r.reason for r in advice.rejected)
