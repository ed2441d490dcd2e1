"""Ways to run as a user spells them: what is read is what was written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import PRELOAD
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.candidate import Candidate, read_candidate, spelling
from advisor.domain.errors import ConfigurationError

PLAIN = [
    Candidate("execute_in_process", "in_process"),
    *[
        replace(way, launch=launch)
        for launch in ("execute_job", "cli")
        for way in (
            Candidate("execute_job", "in_process"),
            Candidate("execute_job", "async"),
            Candidate("execute_job", "multiprocess", "spawn"),
            Candidate("execute_job", "multiprocess", "forkserver"),
            Candidate("execute_job", "multiprocess", "forkserver", PRELOAD),
        )
    ],
]


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    way = draw(st.sampled_from(PLAIN))
    counts = st.integers(1, 200)
    if way.executor != "in_process":
        way = replace(way, max_concurrent=draw(counts))
    batch = 1 if way.executor == "async" else draw(counts)
    workers = draw(st.integers(1, batch))
    kind = draw(st.sampled_from(["thread", "process"])) if workers > 1 else None
    way = replace(way, batch_size=batch, workers_in_op=workers, worker_kind=kind)
    return way if way.is_batched else replace(way, depth_first=draw(st.booleans()))


@given(candidates())
def test_what_is_spelled_is_read_again(candidate):
    assert read_candidate(spelling(candidate), PRELOAD) == candidate


@pytest.mark.parametrize(
    ("spelled", "candidate"),
    [
        ("warm:4", Candidate("execute_job", "multiprocess", "forkserver", PRELOAD, 4)),
        ("cli-spawn:2", Candidate("cli", "multiprocess", "spawn", max_concurrent=2)),
        ("async:16", Candidate("execute_job", "async", max_concurrent=16)),
        (
            "in_process:batch=8:threads=8",
            Candidate(
                "execute_job", "in_process", batch_size=8, workers_in_op=8, worker_kind="thread"
            ),
        ),
        (
            "cli-spawn:2:depth-first",
            Candidate("cli", "multiprocess", "spawn", max_concurrent=2, depth_first=True),
        ),
    ],
)
def test_a_spelling_means_this_candidate(spelled, candidate):
    assert read_candidate(spelled, PRELOAD) == candidate
    assert spelling(candidate) == spelled


@pytest.mark.parametrize(
    ("spelled", "at_fault"),
    [
        ("dask:2", "dask"),
        ("spawn:0", "'0'"),
        ("spawn:two", "'two'"),
        ("spawn:2:2", "'2'"),
        ("spawn:batch=x", "batch=x"),
        ("spawn:retries=2", "retries=2"),
        ("in_process:4", "one step at a time"),
        ("in_process:threads=4", "batch=4 or more"),
        ("in_process:batch=4:threads=2:processes=2", "not both"),
        ("async:4:batch=2", "batch runs its items' chains whole"),
        ("warm:2:batch=4:depth-first", "batch runs its items' chains whole"),
        ("cli-execute_in_process", "execute_in_process"),
        ("", "''"),
    ],
)
def test_what_names_no_way_to_run_is_named(spelled, at_fault):
    with pytest.raises(ConfigurationError) as raised:
        read_candidate(spelled, PRELOAD)
    assert at_fault in str(raised.value)
    assert "--configurations" in str(raised.value)


def test_warm_needs_a_preload_list():
    with pytest.raises(ConfigurationError, match="preload"):
        read_candidate("warm:2", ())
