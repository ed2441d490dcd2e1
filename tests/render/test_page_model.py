"""The model in the report's page gives what the model gives: golden cases in an engine."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from factories import make_sample, make_saved_profile
from py_mini_racer import MiniRacer

from advisor.api.predictors import predictor_of
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import ConcurrencyProbe, OpReference, StoredValue
from advisor.model.estimators import model_of
from advisor.model.memory import first_touch_s
from advisor.model.rate import at_rate
from advisor.model.scenario import is_ported, scenario_of
from advisor.model.scheduling import simulated_sizes
from advisor.render.html import MODEL, page_parts

MOST_OFF = 0.001
TWO_POLLS_S = 0.04
"""The last digit of a sum can decide whether an event falls before or after a poll."""


@pytest.fixture(scope="module")
def engine():
    engine = MiniRacer()
    engine.eval(page_parts(*MODEL))
    engine.eval(
        "const estimates = (scenario, ways, asked) => { const model = new Model(scenario, asked);"
        "return JSON.stringify(ways.map((way) => [model.estimate(way), model.peak(way)])); }"
    )
    return engine


def with_payload(saved):
    """Values of 3 MB, an op that computes on two cores at first, and resources that wait."""
    (op, *others) = saved.workload.ops
    calls = tuple(
        replace(
            call,
            input_bytes=3_000_000,
            output_bytes=2_000_000,
            load_s=0.02,
            store_s=0.03,
            grown_rss_bytes=90_000_000,
            peak_rss_bytes=150_000_000,
            events=9,
            log_events=4,
            hook_s=0.03,
            hook_cpu_s=0.01,
        )
        for call in op.later_calls
    )
    op = replace(op, later_calls=calls, resource_init_s=0.2, resource_init_cpu_s=0.05)
    yielded = StoredValue(1, 3_000_000, 0.04, 0.05), StoredValue(8, 24_000_000, 0.2, 0.3, 0.25)
    collected = (
        StoredValue(1, 2_000_000, 0.03, 0.02),
        StoredValue(8, 16_000_000, 0.3, 0.1, 0.0, 40_000_000, 5_000_000),
    )
    workload = replace(
        saved.workload,
        ops=(op, *others),
        first_touch_byte_s=2e-10,
        yielded=yielded,
        collected=collected,
    )
    return replace(saved, workload=workload)


def with_limits(saved):
    """A pool of 3 slots for the mapped ops, and at most 4 steps with their tag."""
    description = saved.description
    mapped = tuple(
        replace(op, pool="database", tags={**op.tags, "kind": "heavy"}) for op in description.mapped
    )
    executor = replace(
        description.executor,
        tag_concurrency_limits=({"key": "kind", "value": "heavy", "limit": 4},),
    )
    limited = replace(description, mapped=mapped, pool_limits={"database": 3}, executor=executor)
    return replace(saved, description=limited)


def with_tags(saved):
    limited = with_limits(saved).description
    return replace(saved, description=replace(limited, pool_limits={}))


def with_branch(saved):
    """A second op that items 1, 3 and 4 take, and a third one that all take."""
    (op, *_), (mapped, *_) = saved.workload.ops, saved.description.mapped
    calls = tuple(make_sample(i, wall_s=0.2 + i / 10, cpu_s=0.05, events=3) for i in (1, 3, 4))
    some = replace(
        op, handle="mend", first_calls=(), preloaded_first_calls=(), later_calls=calls,
        skipped=(0, 2),
    )  # fmt: skip
    last = replace(op, handle="last", first_calls=op.first_calls[:1])
    ops = tuple(replace(mapped, reference=OpReference(name, (name,))) for name in ("mend", "last"))
    return replace(
        saved,
        workload=replace(saved.workload, ops=(op, some, last)),
        description=replace(saved.description, mapped=(mapped, *ops)),
    )


def with_own_threads(saved):
    """An op that computes on two cores by itself, and on one where its threads are limited."""
    (op, *_) = saved.workload.ops
    calls = [make_sample(i, wall_s=0.4 + i / 20, cpu_s=0.7 + i / 20) for i in range(5)]
    limited = [replace(call, wall_s=0.65 + call.item / 20, cpu_s=0.66) for call in calls]
    op = replace(op, later_calls=tuple(calls), limited_calls=tuple(limited))
    probes = ConcurrencyProbe("thread", 4, 2.1), ConcurrencyProbe("process", 2, 1.2)
    return replace(saved, workload=replace(saved.workload, ops=(op,), limited_probes=probes))


def with_async(saved):
    """An asynchronous op that holds its event loop for some of its time, and is throttled."""
    (op, *_) = saved.workload.ops
    calls = [make_sample(i, wall_s=0.4 + i / 20, cpu_s=0.01, loop_s=0.03) for i in range(5)]
    (mapped, *_) = saved.description.mapped
    description = replace(saved.description, mapped=(replace(mapped, is_async=True),))
    probes = ConcurrencyProbe("thread", 4, 1.5), ConcurrencyProbe("process", 2, 1.02)
    workload = replace(saved.workload, ops=(replace(op, later_calls=tuple(calls)),), probes=probes)
    return replace(saved, description=description, workload=workload)


def way_of(candidate, setting):
    correction = setting.correction.get(candidate.kind, 1.0)
    modules = list(candidate.preload_modules)
    return {**asdict(candidate), "preload_modules": modules, "correction": correction}


def lists_of(way, simulations):
    """The lists that the model drew for a way: the page draws none, so that it is given these."""
    steps = way.steps(simulations.setting.items.count)
    sizes = [size for size, _ in simulated_sizes(steps, max(1, way.max_concurrent))]
    lengths = {simulations.setting.items.count} | (set() if way.is_batched else set(sizes))
    lists = {length: simulations.thinned(length).tolist() for length in lengths}
    return lists, {steps: simulations.dealt(steps).tolist()} if way.is_batched else {}


def simulated_s(way, predictor):
    """What the model simulates, before the median of its draws is taken."""
    simulations = predictor.simulations_of(way)
    setting = simulations.setting
    start_s = (setting.overhead.cli_start_s or 0.0) if way.launch == "cli" else 0.0
    factor = setting.correction.get(way.kind, 1.0)
    alone = at_rate(model_of(way).estimate(way, simulations), setting, factor)
    touched = alone.with_first_touch(first_touch_s(way, setting))
    return touched.scaled(factor, start_s).makespan_s


def compare(engine, saved, items, cores, rate=None, only=lambda way: True, fewest=7):
    """Every way in the page and in the model; seconds of the page's."""
    measured, _ = predictor_of(saved, AdviseOptions(max_rate=rate))
    predictor, ways = predictor_of(saved, AdviseOptions(items=items, cores=cores, max_rate=rate))
    ported = [way for way in ways.candidates if is_ported(way) and only(way)]
    chosen = ported[:: max(1, len(ported) // 12)]
    lists = {name: {"lists": {}, "deals": {}} for name in ("whole", "limited")}
    for way in chosen:
        of = lists["whole" if way.op_threads is None else "limited"]
        drawn, dealt = lists_of(way, predictor.simulations_of(way))
        of["lists"] |= drawn
        of["deals"] |= dealt
    found = json.loads(
        engine.call(
            "estimates",
            scenario_of(measured.setting),
            [way_of(way, predictor.setting) for way in chosen],
            {"items": items, "cores": cores, **lists["whole"], "limited": lists["limited"]},
        )
    )
    assert len(chosen) >= fewest
    for way, (seconds, peak_bytes) in zip(chosen, found, strict=True):
        expected_s = pytest.approx(simulated_s(way, predictor), rel=MOST_OFF, abs=TWO_POLLS_S)
        assert seconds == expected_s, way.label
        assert peak_bytes == predictor.estimate(way).peak_memory_bytes, way.label
    return [seconds for seconds, _ in found]


@pytest.mark.parametrize("cores", [1.0, 2.0, 16.0])
@pytest.mark.parametrize("items", [1, 7, 40, 450])
@pytest.mark.parametrize("changed", [lambda saved: saved, with_payload], ids=["plain", "payload"])
def test_every_way_takes_as_long_as_in_the_model(engine, changed, items, cores):
    compare(engine, changed(make_saved_profile()), items, cores)


@pytest.mark.parametrize("rate", [0.5, 3.0, 1_000.0])
@pytest.mark.parametrize("items", [7, 450])
def test_no_way_is_faster_than_the_rate(engine, items, rate):
    assert min(compare(engine, make_saved_profile(), items, 2.0, rate)) >= items / rate


@pytest.mark.parametrize("items", [7, 40, 900])
@pytest.mark.parametrize("limited", [with_limits, with_tags], ids=["pool", "tags"])
def test_pools_and_tags_hold_steps_back_as_in_the_model(engine, limited, items):
    free = compare(engine, make_saved_profile(), items, 16.0)
    held = compare(engine, limited(make_saved_profile()), items, 16.0)
    assert held != free


@pytest.mark.parametrize("items", [7, 40, 900])
@pytest.mark.parametrize("cores", [2.0, 16.0])
def test_a_branch_is_taken_by_some_items_as_in_the_model(engine, items, cores):
    compare(engine, with_branch(make_saved_profile()), items, cores)


@pytest.mark.parametrize("items", [7, 40, 900])
@pytest.mark.parametrize("cores", [1.0, 2.0, 16.0])
def test_limits_of_an_items_own_threads_are_as_in_the_model(engine, items, cores):
    saved = with_own_threads(make_saved_profile())
    compare(engine, saved, items, cores, only=lambda way: way.op_threads is not None)


@pytest.mark.parametrize("rate", [None, 3.0])
@pytest.mark.parametrize("items", [7, 40, 900])
def test_an_event_loop_is_as_in_the_model(engine, items, rate):
    saved = with_async(make_saved_profile())
    compare(engine, saved, items, 2.0, rate, only=lambda way: way.executor == "async", fewest=2)
