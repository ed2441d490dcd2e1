"""Advice from a saved profile: what cannot cross a process is rejected with its reason."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from factories import make_description, make_prediction, make_saved_profile

from advisor.api.recommend import predict, recommend
from advisor.domain.candidate import Candidate
from advisor.domain.errors import ConfigurationError, DynadviseError
from advisor.domain.graph import GraphNode, Wire
from advisor.domain.options import AdviseOptions
from advisor.domain.rejection import RejectionKind
from advisor.emit import EmitRequest, emit
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


def test_the_default_io_manager_leaves_execute_in_process_alone_and_says_so() -> None:
    advice = recommend(with_unpicklable_output(make_saved_profile()), AdviseOptions())
    assert {p.candidate.launch for p in advice.candidates} == {"execute_in_process"}
    rejected = [r for r in advice.rejected if r.candidate.launch in ("execute_job", "cli")]
    serial = [
        r.reason
        for r in rejected
        if r.candidate.executor == "in_process" and r.candidate.worker_kind != "process"
    ]
    assert serial
    assert all("default IO manager pickles" in reason for reason in serial)
    assert any("Only execute_in_process" in note for note in advice.notes)


def test_an_io_manager_of_the_users_own_may_store_what_cannot_be_pickled() -> None:
    saved = with_unpicklable_output(make_saved_profile())
    saved = replace(saved, description=replace(saved.description, pickles=False))
    advice = recommend(saved, AdviseOptions())
    assert any(p.candidate.launch == "execute_job" for p in advice.candidates)


def test_picklable_outputs_are_considered_in_processes() -> None:
    advice = recommend(make_saved_profile(), AdviseOptions())
    assert any(p.candidate.executor == "multiprocess" for p in advice.candidates)
    assert not any("cannot be pickled" in r.reason for r in advice.rejected)


def test_dagsters_default_follows_the_cores_of_the_machine_asked_about() -> None:
    saved = make_saved_profile()
    assert saved.description.executor is not None
    by_cpus = replace(
        saved.description.executor,
        max_concurrent=None,
        effective_max_concurrent=saved.host.facts.cpu_count,
    )
    four = replace(by_cpus, max_concurrent=4, effective_max_concurrent=4)
    for executor, there in ((by_cpus, 16), (four, 4)):
        described = replace(saved.description, executor=executor)
        advice = recommend(replace(saved, description=described), AdviseOptions(cores=16))
        assert advice.current is not None
        assert advice.current.candidate.max_concurrent == there


def test_the_advice_names_the_job_that_only_the_option_told() -> None:
    saved = make_saved_profile()
    target = replace(saved.description.target, spelled="shop", attribute=None, job="nightly")
    described = replace(saved.description, target=target)
    advice = recommend(replace(saved, description=described), AdviseOptions(), snippets=False)
    assert advice.target == "shop:nightly"


def test_a_prediction_says_that_it_does_not_fit() -> None:
    saved, four = make_saved_profile(), Candidate("execute_job", "multiprocess", "spawn", (), 4)
    crowded = predict(saved, four, AdviseOptions(max_connections=1))
    assert "holds 4 connections, the limit is 1" in crowded.costs[0]
    large = predict(saved, four, AdviseOptions(memory_bytes=64 << 20))
    assert "the host has 64.0 MiB" in large.costs[0]
    assert not any("not fit" in cost for cost in predict(saved, four, AdviseOptions()).costs)


def test_an_event_loop_that_an_op_blocks_is_not_predicted_as_if_it_did_not() -> None:
    saved = make_saved_profile()
    assert not any(op.is_async for op in saved.description.mapped)
    with pytest.raises(ConfigurationError, match="blocks the loop"):
        predict(saved, Candidate("execute_job", "async", max_concurrent=4), AdviseOptions())


def graph_with(**changes: Any) -> tuple[GraphNode, ...]:
    first, mapped, last = make_description().graph
    return first, replace(mapped, **changes), last


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (graph_with(configured_by="labelled"), "by a config mapping.*in run config"),
        (graph_with(is_function=False), "not made by @op.*the op that it configures"),
        (graph_with(attached_resource="db"), "takes the resource db.*context.resources.db"),
        (
            graph_with(wires=(Wire("chunk", (("split", "result"), ("other", "result"))),)),
            "a list of several ops' outputs.*an input of its own",
        ),
        (
            graph_with(wires=(Wire("chunk", (("split", "result"),)), Wire("extras", ()))),
            "the input extras of .* is an empty list",
        ),
    ],
    ids=["config mapping", "configured", "attached resource", "fan-in list", "empty list"],
)
def test_what_no_snippet_can_express_is_rejected_in_the_words_of_the_emitter(
    graph: tuple[GraphNode, ...], reason: str
) -> None:
    saved = make_saved_profile(description=make_description(graph=graph))
    advice = recommend(saved, AdviseOptions(items=1000))
    assert not any(p.candidate.is_batched for p in advice.candidates)
    rejected = [r for r in advice.rejected if r.kind is RejectionKind.NO_SNIPPET]
    assert any(r.candidate.workers_in_op > 1 for r in rejected)
    assert all(re.search(reason, r.reason) for r in rejected)
    emit("python", EmitRequest(saved.description, advice))
    # It is what the emitter says itself; and without the obstacle, such a way is the advice.
    batched = make_prediction(rejected[0].candidate)
    with pytest.raises(DynadviseError) as refusal:
        emit("batch", EmitRequest(saved.description, advice, prediction=batched))
    assert rejected[0].reason == f"{refusal.value.what} {refusal.value.hint}"
    unverified = make_saved_profile(verifications=())
    free = recommend(unverified, AdviseOptions(items=1000)).recommendation
    assert free.candidate.is_batched
