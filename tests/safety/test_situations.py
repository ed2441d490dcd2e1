"""Situations that are fine one at a time: none gets advice that fails or changes its results.

Each function is really run as threads and as processes; the advice is for 40 items of half a
second that mostly wait, so that every way with more in parallel would be faster.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from factories import make_saved_profile

from advisor.api.recommend import recommend
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.options import AdviseOptions
from advisor.domain.trial import Agreement, Comparison, Trial
from advisor.domain.workload import ConcurrencyProbe
from advisor.measure.child import run_in_child
from advisor.measure.ops.orders import Assignment, DrawnItems
from advisor.measure.ops.parallel import ProbeOrder
from advisor.model.limits import limit_of
from advisor.render.advice import advice_document
from advisor.render.forms.documents import advice_to_json
from advisor.render.terminal import to_text as on_a_terminal
from advisor.store import to_text

HERE = Path(__file__).parent
ITEMS = 16


def order_of(name, kind, counts, folder):
    folder.mkdir()
    target = parse_target(f"{HERE / 'situations.py'}:{name}", working_directory=HERE)
    assignment = Assignment(describe(load_target(target)), None, str(folder), None, ITEMS, 60.0)
    for number in range(ITEMS):
        (folder / f"item-{number}.pickle").write_bytes(pickle.dumps({"number": number}))
    (folder / "fixed.pickle").write_bytes(pickle.dumps({}))
    drawn = DrawnItems(ITEMS, tuple(range(ITEMS)), (None,) * ITEMS, None, 0.0)
    expected_s = dict.fromkeys(range(ITEMS), 0.1)
    order = ProbeOrder(
        assignment, drawn, kind, 1, expected_s, 60.0, False, passes_alone=1, forkable=True
    )
    return order, counts


def probed_in_a_child(orders):
    child = run_in_child(
        "probing:probes", orders, timeout_s=250, python_path=[HERE], working_directory=HERE
    )
    return child.unwrap()


GOOD = Trial.TRIED
DIFFERS, FAILED, UNCHECKED = Trial.DIFFERS, Trial.FAILED, Trial.NOT_CHECKED

SITUATIONS = {
    # name: what is found of its threads, and what the advice says of them
    "attribute": (DIFFERS, "No threads: with 2 in parallel item"),
    "module_global": (DIFFERS, "differs from its call alone"),
    "stamped": (DIFFERS, "differs in 'value' from its call alone"),
    "one_field": (DIFFERS, "differs in 'rows.[0].value' from its call alone"),
    "an_object": (DIFFERS, "differs in 'value' from its call alone"),
    "an_array": (DIFFERS, "differs from its call alone"),
    "changed_folder": (DIFFERS, "differs from its call alone"),
    "environment_variable": (DIFFERS, "differs from its call alone"),
    "registry": (DIFFERS, "differs from its call alone"),
    "shared_buffer": (DIFFERS, "No threads"),
    "shared_seed": (DIFFERS, "differs from its call alone"),
    "locale_of_the_process": (DIFFERS, "differs in '[1]' from its call alone"),
    "mask_of_new_files": (DIFFERS, "differs in '[1]' from its call alone"),
    "printed": (DIFFERS, "differs from its call alone"),
    "cached_client": (DIFFERS, "differs from its call alone"),
    "logged": (DIFFERS, "differs from its call alone"),
    "counted": (DIFFERS, "differs in 'alone' from its call alone"),
    "one_work_table": (DIFFERS, "differs from its call alone"),
    "one_temporary_file": (DIFFERS, "differs from its call alone"),
    "alarm": (FAILED, "2 threads failed (ValueError)"),
    "into_a_file": (UNCHECKED, "the result is None, and what else the op does cannot be seen"),
    "into_a_file_and_true": (UNCHECKED, "every item gives the same result"),
    "only_random": (UNCHECKED, "differs between two calls alone"),
    "not_reentrant": (FAILED, "2 threads failed (RuntimeError)"),
    "connection_of_a_thread": (FAILED, "2 threads failed (ProgrammingError)"),
    "too_many_requests": (FAILED, "16 threads failed (ConnectionError), 8 worked"),
    "too_many_connections": (FAILED, "4 threads failed (RuntimeError), 2 worked"),
    "sqlite_writer": (FAILED, "4 threads failed (OperationalError), 2 worked"),
    "open_files": (FAILED, "threads failed (OSError)"),
    "harmless": (GOOD, ""),
}
SERVICE = {"too_many_requests": 8, "too_many_connections": 2, "sqlite_writer": 2}
"""Situations whose limit lies outside of the process, and how many in parallel work."""


COUNTS = {"too_many_requests": (8, 16), "open_files": (4, 16)}


@pytest.fixture(scope="module")
def threads(tmp_path_factory):
    """Each situation's probes as threads."""
    root = tmp_path_factory.mktemp("threads")
    return probed_in_a_child(
        {name: order_of(name, "thread", COUNTS.get(name, (2, 4)), root / name)
         for name in SITUATIONS}
    )  # fmt: skip


PROCESSES = {
    "too_many_connections": (2, FAILED, "RuntimeError"),
    "lock_file": (1, FAILED, "BlockingIOError"),
    "dies_beside_another": (2, FAILED, "SystemExit"),
    "stamped": (4, None, ""),
    "one_temporary_file": (1, DIFFERS, "differs from its call alone"),
}


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    root = tmp_path_factory.mktemp("processes")
    return probed_in_a_child(
        {name: order_of(name, "process", (2, 4), root / name) for name in PROCESSES}
    )


def advice_for(probes):
    saved = make_saved_profile(verifications=())
    workload = replace(saved.workload, items=40, probes=tuple(probes))
    saved = replace(saved, workload=workload)
    return recommend(saved, AdviseOptions()), saved


def test_what_differs_between_two_calls_alone_may_be_shared(threads):
    advice, _ = advice_for(threads["only_random"])
    (note,) = (each for each in advice.notes if "differs between two calls alone" in each)
    assert "steps in one process then give other results" in note


@pytest.mark.parametrize("name", SITUATIONS)
def test_threads_that_would_do_harm_are_not_advised(name, threads):
    trial, words = SITUATIONS[name]
    limit = limit_of("thread", threads[name])
    assert limit.harm is (trial if trial in (DIFFERS, FAILED) else None)
    assert (limit.checked > 1) == (trial is GOOD or (limit.worked > 1 and trial is FAILED))
    advice, _ = advice_for(threads[name])
    assert words in shown(advice)
    chosen = advice.recommendation.candidate
    assert chosen.worker_kind == ("thread" if limit.checked > 1 else None)
    assert chosen.workers_in_op <= limit.checked
    most = SERVICE.get(name)
    for way in advice.candidates if most else ():
        refused = at_work(way) <= max(most, 2) or way.trial is not Trial.TRIED
        assert refused, way.candidate.label


@pytest.mark.parametrize("name", PROCESSES)
def test_processes_that_failed_cap_the_executors_slots(name, processes):
    worked, harm, reason = PROCESSES[name]
    limit = limit_of("process", processes[name])
    assert (limit.worked, limit.harm) == (worked, harm)
    assert reason in limit.reason
    advice, _ = advice_for(processes[name])
    tried = [way.candidate for way in advice.candidates if way.trial is GOOD]
    assert advice.recommendation.candidate in tried
    assert max(way.max_concurrent for way in tried) == worked
    assert max(way.workers_in_op for way in tried) <= limit.checked
    refused = [r.reason for r in advice.rejected if r.candidate.max_concurrent == limit.harmed_at]
    assert not harm or any("processes" in each and reason in each for each in refused)


def test_values_and_messages_are_shown_and_neither_saved_nor_in_the_json(threads):
    for name, secret in (("too_many_requests", "hunter2"), ("one_field", "rows.[0].value:")):
        advice, saved = advice_for(threads[name])
        assert secret in shown(advice)
        assert secret not in to_text(replace(saved, advice=advice))
        assert secret not in str(advice_to_json(advice))


# --- what follows from probes: no code is run ---

SAME = Comparison(Agreement.SAME, "")


def probed(kind, failed=None, **slowdowns):
    good = [
        ConcurrencyProbe(kind, int(name[1:]), slowdown, comparison=SAME)
        for name, slowdown in slowdowns.items()
    ]
    lost = [ConcurrencyProbe(kind, failed, 0.0, "OperationalError")] if failed else []
    return (*good, *lost)


def shown(advice):
    """The advice on a terminal, in one line."""
    return " ".join(on_a_terminal(advice_document(advice, evidence=True)).split())


def at_work(prediction):
    return prediction.candidate.max_concurrent * prediction.candidate.workers_in_op


def test_what_was_never_tried_is_not_the_headline():
    advice, _ = advice_for(())
    assert advice.recommendation.candidate.workers_in_op == 1
    assert advice.recommendation.candidate.max_concurrent <= 2  # the job's own
    assert advice.untried.trial is Trial.NOT_TRIED
    text = shown(advice)
    assert f"{advice.untried.candidate.label} might be faster" in text
    assert "Sure" not in text
    document = advice_to_json(advice)
    assert document["recommendation"]["tried"]
    assert not document["untried"]["tried"]
    assert {way["tried"] for way in document["candidates"]} == {True, False}


def test_no_more_than_twice_what_worked_is_considered():
    probes = (*probed("thread", n2=1.0, n8=1.0), *probed("process", n2=1.0, n4=1.0))
    advice, _ = advice_for(probes)
    assert advice.recommendation.candidate.workers_in_op == 8
    assert max(at_work(way) for way in advice.candidates) == 16
    assert max(way.candidate.max_concurrent for way in advice.candidates) == 16  # as the threads
    reasons = {r.reason for r in advice.rejected if r.candidate.workers_in_op == 40}
    assert "no more than 8 threads were tried in parallel" in reasons


def test_a_limit_outside_counts_the_items_of_all_processes():
    threads = probed("thread", n2=1.0, n16=1.0, n32=1.0, failed=64)
    advice, _ = advice_for((*threads, *probed("process", n2=1.0, n4=1.0)))
    tried = [way for way in advice.candidates if way.trial is Trial.TRIED]
    assert max(map(at_work, tried)) == 32
    assert max(map(at_work, advice.candidates)) < 64


def test_a_limit_inside_of_a_process_leaves_other_processes_alone():
    advice, _ = advice_for((*probed("thread", failed=2), *probed("process", n2=1.0, n4=1.0)))
    assert advice.recommendation.candidate.worker_kind != "thread"
    assert max(map(at_work, advice.candidates)) == 8
    assert {way.trial for way in advice.candidates if at_work(way) == 4} == {Trial.TRIED}


def test_a_token_bucket_is_not_gone_round_by_more_processes():
    slow = {f"n{count}": count / 2 for count in (2, 4, 8, 16, 32)}
    probes = (*probed("thread", **slow), *probed("process", n2=1.0, n4=2.0))
    advice, _ = advice_for(probes)
    # two in parallel get through: 40 items of half a second
    ways = [way for way in advice.candidates if at_work(way) > 2]
    assert ways
    assert min(way.makespan_s.median for way in ways) > 0.9 * 40 * 0.5 / 2


def test_the_jobs_own_way_is_not_advised_where_as_many_processes_failed():
    advice, _ = advice_for(probed("process", failed=2))
    assert advice.current.trial is Trial.FAILED
    assert advice.recommendation.candidate.max_concurrent == 1


@pytest.mark.parametrize("passes_alone", [0, 1])
def test_a_bucket_of_tokens_is_seen_and_kept_to(passes_alone, tmp_path):
    """Emptied by threads, or by the calls alone before them."""
    order, counts = order_of("token_bucket", "thread", (4,), tmp_path / "bucket")
    short_s = dict.fromkeys(range(ITEMS), 0.02)
    order = replace(order, expected_s=short_s, passes_alone=passes_alone)
    (probe,) = probed_in_a_child({"bucket": (order, counts)})["bucket"]
    assert probe.rate is not None
    assert probe.rate.per_s == pytest.approx(20.0, rel=0.2)
    saved = make_saved_profile()
    saved = replace(saved, workload=replace(saved.workload, probes=(probe,)))
    advice = recommend(saved, AdviseOptions(items=100), snippets=False)
    assert "calls each takes longer: a rate limit of about 2" in advice.cautions[0]
    least_s = (100 - probe.rate.after_calls) / probe.rate.per_s
    assert advice.recommendation.makespan_s.median >= least_s
