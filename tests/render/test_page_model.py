"""The model in the report's page gives what the model gives: golden cases in an engine."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib.resources import files

import pytest
from factories import make_saved_profile
from py_mini_racer import MiniRacer

from advisor.api.recommend import _predictor
from advisor.domain.options import AdviseOptions
from advisor.model.scenario import is_ported, scenario_of

MOST_OFF = 0.08
"""The page simulates one even list of the items, dealt in turn, where the model adds what drawn
lists and their dealing change: under 1 % for plain ways, most for small batches with threads."""

TWO_POLLS_S = 0.04
"""The last digit of a sum can decide whether an event falls before or after a poll."""


@pytest.fixture(scope="module")
def engine():
    engine = MiniRacer()
    engine.eval((files("advisor.render") / "page" / "sim.js").read_text())
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
        )
        for call in op.later_calls
    )
    op = replace(op, later_calls=calls, resource_init_s=0.2, resource_init_cpu_s=0.05)
    workload = replace(saved.workload, ops=(op, *others), first_touch_byte_s=2e-10)
    return replace(saved, workload=workload)


def way_of(candidate, setting):
    correction = setting.correction.get(candidate.kind, 1.0)
    modules = list(candidate.preload_modules)
    return {**asdict(candidate), "preload_modules": modules, "correction": correction}


@pytest.mark.parametrize("cores", [1.0, 2.0, 16.0])
@pytest.mark.parametrize("items", [1, 7, 40, 450])
@pytest.mark.parametrize("changed", [lambda saved: saved, with_payload], ids=["plain", "payload"])
def test_every_way_takes_as_long_as_in_the_model(engine, changed, items, cores):
    saved = changed(make_saved_profile())
    measured, _ = _predictor(saved, AdviseOptions())
    predictor, ways = _predictor(saved, AdviseOptions(items=items, cores=cores))
    ported = [way for way in ways.candidates if is_ported(way, predictor.setting)]
    chosen = ported[:: max(1, len(ported) // 12)]
    found = json.loads(
        engine.call(
            "estimates",
            scenario_of(measured.setting),
            [way_of(way, predictor.setting) for way in chosen],
            {"items": items, "cores": cores},
        )
    )
    assert len(chosen) > 6
    for way, (seconds, peak_bytes) in zip(chosen, found, strict=True):
        estimate = predictor.estimate(way)
        assert seconds == pytest.approx(estimate.makespan_s, rel=MOST_OFF, abs=TWO_POLLS_S), (
            way.label
        )
        assert peak_bytes == estimate.peak_memory_bytes, way.label
