"""Code for a job with several fan-outs batches each that the advice batches."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from emission import load_source
from factories import make_advice, make_prediction

from advisor.dagster_bridge.discovery import describe_further
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.fan_outs import FanOutAdvice
from advisor.domain.quantities import Spread
from advisor.emit import EmitRequest, emit

PROJECT = Path(__file__).parents[1] / "projects" / "two_fan_outs"
PLAIN = Candidate("execute_job", "in_process")
TWOS = replace(PLAIN, batch_size=2)
THREADS = replace(PLAIN, batch_size=3, workers_in_op=2, worker_kind="thread")


def request_for_ways(*ways: Candidate) -> EmitRequest:
    """For a job whose second fan-out takes what was collected of the first."""
    loaded = load_target(parse_target("definitions:training_job", working_directory=PROJECT))
    description = describe(loaded)
    further = describe_further(loaded, description, None)
    fan_outs = tuple(
        FanOutAdvice(each.fan_out.handle, (), 3, 3, Spread(1, 1, 1), way, PLAIN)
        for each, way in zip((description, *further), ways, strict=True)
    )
    advice = replace(make_advice(), fan_outs=fan_outs)
    return EmitRequest(description, advice, make_prediction(ways[0]), further=further)


READ, LEARN = ({f"{op}[batch_{n}]" for n in (0, 1)} for op in ("read", "learn"))


@pytest.mark.parametrize(
    ("ways", "steps"),
    [
        ((TWOS, TWOS), READ | LEARN),
        ((TWOS, THREADS), READ | {"learn[batch_0]"}),
        ((PLAIN, TWOS), LEARN | {f"read[file_{n}]" for n in range(3)}),
        ((TWOS, PLAIN), READ | {f"learn[chunk_10{n}]" for n in range(3)}),
    ],
    ids=["both", "threads in the second", "the second alone", "the first alone"],
)
def test_each_fan_out_is_batched_as_advised(ways, steps, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "definitions", raising=False)
    name = f"emitted_{abs(hash(tmp_path))}"
    batched = load_source(emit("batch", request_for_ways(*ways)), name, tmp_path)

    result = batched.training_job_batched.execute_in_process()

    assert result.output_for_node("model") == [200, 202, 204]
    keys = {event.step_key for event in result.all_events if event.step_key}
    assert keys == steps | {"files", "chunks", "model"}
