"""The examples in batches on threads give what they give as they are; each is described by us."""

from __future__ import annotations

from pathlib import Path

import pytest
from emission import is_plain, load_job, load_source, request_for

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.emit import emit

ROOT = Path(__file__).parents[2]
THREADS = Candidate(
    "execute_job", "in_process", batch_size=999, workers_in_op=8, worker_kind="thread"
)


@pytest.mark.parametrize(
    ("module", "attribute", "plain"),
    [
        ("seed_chunks", "seed_job", True),
        ("csv_files", "csv_job", True),
        ("http_calls", "http_job", False),
        ("sqlite_rows", "sqlite_job", False),
        ("train_segments", "train_job", True),
        ("two_stage", "two_stage_job", True),
        ("async_calls", "async_job", False),
    ],
)
def test_an_example_in_one_step_on_threads_gives_its_own_result(module, attribute, plain, tmp_path):
    name = f"advisor.examples.{module}"
    reference = parse_target(f"{name}:{attribute}", working_directory=ROOT)
    description = describe(load_target(reference))
    collecting = description.collects[0].name
    original = load_job(name, attribute).execute_in_process()
    source = emit("workers", request_for(description, THREADS))
    emitted = load_source(source, f"emitted_{attribute}", tmp_path)

    result = getattr(emitted, f"{attribute}_batched").execute_in_process()

    assert result.output_for_node(collecting) == original.output_for_node(collecting)
    steps = {event.step_key for event in result.all_events if event.step_key}
    assert is_plain(source) == plain
    assert len([step for step in steps if "[" in step]) == (0 if plain else 1)
