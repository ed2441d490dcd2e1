"""Ways that choose an executor or an order in code: advised with their reasons, really run."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from factories import make_description, make_saved_profile

from advisor import store
from advisor.api.recommend import recommend
from advisor.api.verify import verify
from advisor.dagster_bridge.awaiting import held_s, run_to_end
from advisor.domain.options import AdviseOptions, ProfilesOptions, VerifyOptions, WorkloadOptions
from advisor.domain.rejection import Cause, Refusal
from advisor.domain.workload import MappedOp, OpReference
from advisor.measure.progress import silent
from advisor.model.ways import may_be_ordered, no_event_loop

HERE = Path(__file__).parent
ASYNC_IS_INSTALLED = find_spec("dagster_async_executor") is not None


def mapped(*kinds: bool, tags: dict[str, str] | None = None) -> tuple[MappedOp, ...]:
    return tuple(
        MappedOp(
            OpReference(f"op_{n}", (f"op_{n}",)),
            "item",
            ("item",),
            ("result",),
            is_async=kind,
            tags=tags if tags and n else {},
        )
        for n, kind in enumerate(kinds)
    )


def test_an_event_loop_is_for_jobs_whose_every_mapped_op_is_async():
    def reason(*kinds: bool, missing: str | None = None) -> str | None:
        obstacle = Refusal(Cause.NO_EVENT_LOOP, (missing,)) if missing else None
        description = replace(make_description(), mapped=mapped(*kinds))
        refusal = no_event_loop(description, obstacle)
        return refusal and refusal.words

    assert "op_1 is not `async def`" in reason(True, False)
    assert reason(True, True, missing="not installed") == "not installed"
    assert reason(True, True) is None


def test_an_async_job_is_advised_with_the_loop_beside_the_other_ways(monkeypatch):
    saved = make_saved_profile()
    asynchronous = replace(
        saved,
        description=replace(saved.description, mapped=mapped(*[True] * len(saved.workload.ops))),
    )
    for installed in (True, False):
        found = object() if installed else None
        monkeypatch.setattr("advisor.api.predictors.find_spec", lambda name, found=found: found)
        advice = recommend(asynchronous, AdviseOptions(), snippets=False)
        listed = [p for p in advice.candidates if p.candidate.executor == "async"]
        refused = [r for r in advice.rejected if r.candidate.executor == "async"]
        assert bool(listed) == installed
        assert bool(refused) != installed
    assert "dynadvise[async]" in refused[0].reason
    monkeypatch.setattr("advisor.api.predictors.find_spec", lambda name: object())
    advice = recommend(asynchronous, AdviseOptions(), snippets=False)
    way = next(p for p in advice.candidates if p.candidate.executor == "async")
    assert any("event loop" in reason for reason in way.reasons)
    assert any("holds up every other item" in cost for cost in way.costs)


def test_a_chain_that_has_priorities_is_left_as_it_is():
    job = make_description()
    assert may_be_ordered(replace(job, mapped=mapped(False, False)))
    assert not may_be_ordered(replace(job, mapped=mapped(False)))
    tagged = mapped(False, False, tags={"dagster/priority": "1"})
    assert not may_be_ordered(replace(job, mapped=tagged))


def test_blocking_inside_a_coroutine_is_told_from_awaiting():
    import asyncio

    async def some(blocked_s: float, awaited_s: float) -> str:
        time.sleep(blocked_s)
        await asyncio.sleep(awaited_s)
        return "done"

    assert run_to_end(some(0.2, 0.0)) == "done"
    blocked = held_s()
    assert run_to_end(some(0.0, 0.2)) == "done"
    awaited = held_s()
    assert held_s() is None
    if blocked is not None and awaited is not None:  # not timed before Python 3.11
        assert blocked > 0.19
        assert awaited < blocked


@pytest.mark.skipif(not ASYNC_IS_INSTALLED, reason="the extra is not installed")
def test_both_really_run(tmp_path, monkeypatch):
    from advisor.dagster_bridge.structure import describe
    from advisor.dagster_bridge.target import load_target, parse_target
    from advisor.measure.machine import host_facts

    monkeypatch.syspath_prepend(str(HERE))
    target = parse_target("verify_chain:chained", working_directory=HERE)
    description = describe(load_target(target))
    assert no_event_loop(description, None) is None
    saved = make_saved_profile(description=description)
    saved = replace(
        saved,
        host=replace(saved.host, facts=host_facts()),
        workload=replace(saved.workload, items=3, ops=saved.workload.ops[:1] * 2),
        verifications=(),
    )
    store.write(saved, tmp_path)
    outcome = verify(
        VerifyOptions(
            WorkloadOptions("verify_chain:chained", working_directory=HERE),
            ProfilesOptions(tmp_path),
            repeats=1,
            configurations=("async:3", "forkserver:2:depth-first"),
        ),
        silent,
    )
    assert outcome.plan.left_out == ()
    assert len(outcome.verifications) == 2
    for verification in outcome.verifications:
        (run,) = verification.runs
        assert run.failed is None, verification.name
