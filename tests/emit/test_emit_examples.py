"""The examples in batches on threads give what they give as they are; each is described by us."""

from __future__ import annotations

from pathlib import Path

import pytest
from emission import load_job, load_source, request_for

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.emit import emit

ROOT = Path(__file__).parents[2]
THREADS = Candidate(
    "execute_job", "in_process", batch_size=999, workers_in_op=8, worker_kind="thread"
)


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("seed_chunks", "seed_job"),
        ("csv_files", "csv_job"),
        ("http_calls", "http_job"),
        ("sqlite_rows", "sqlite_job"),
        ("train_segments", "train_job"),
        ("two_stage", "two_stage_job"),
        ("async_calls", "async_job"),
    ],
)
def test_an_example_in_one_step_on_threads_gives_its_own_result(module, attribute, tmp_path):
    name = f"advisor.examples.{module}"
    reference = parse_target(f"{name}:{attribute}", working_directory=ROOT)
    description = describe(load_target(reference))
    collecting = description.collects[0].name
    original = load_job(name, attribute).execute_in_process()
    source = emit("workers", request_for(description, THREADS))
    emitted = load_source(source, f"emitted_{attribute}", tmp_path)

    result = getattr(emitted, f"{attribute}_batched").execute_in_process()

    assert result.output_for_node(collecting) == original.output_for_node(collecting)
    mapped = {event.step_key for event in result.all_events if "[" in (event.step_key or "")}
    assert len(mapped) == 1
