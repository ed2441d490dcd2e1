"""One thread an item: the snippets set it before anything that would compute on more."""

from __future__ import annotations

import os

import pytest
import yaml
from emission import JOBS, describe_job, load_source, request_for, ruff_complaints

from advisor.domain.candidate import Candidate
from advisor.emit import emit
from advisor.measure.verification import thread_limit

SEED = ("emit_seed_job", "seed_job")
SPAWN_2 = Candidate("execute_job", "multiprocess", "spawn", max_concurrent=2, op_threads=1)
THREADS_2 = Candidate(
    "execute_job",
    "in_process",
    batch_size=99,
    workers_in_op=2,
    worker_kind="thread",
    op_threads=1,
)


@pytest.mark.parametrize(
    ("kind", "candidate"),
    [("python", SPAWN_2), ("environments", SPAWN_2), ("workers", THREADS_2), ("batch", THREADS_2)],
)
def test_a_module_sets_the_limit_where_it_is_advised_and_only_there(
    kind, candidate, tmp_path, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    description = describe_job(*SEED)
    source = emit(kind, request_for(description, candidate))
    (tmp_path / "emitted.py").write_text(source)
    assert not ruff_complaints(tmp_path, "--config", f"src = ['{JOBS}']")
    load_source(source, f"emitted_{kind}_limited", tmp_path)
    assert os.environ["OMP_NUM_THREADS"] == "1"
    without = Candidate(**{**_fields(candidate), "op_threads": None})
    assert 'OMP_NUM_THREADS"' not in emit(kind, request_for(description, without))


def _fields(candidate: Candidate) -> dict[str, object]:
    return {name: getattr(candidate, name) for name in Candidate.__slots__}


def test_run_config_names_the_environment_and_stays_what_it_is():
    description = describe_job(*SEED)
    limited = emit("run-config", request_for(description, SPAWN_2))
    assert "OMP_NUM_THREADS=1" in limited
    without = Candidate(**{**_fields(SPAWN_2), "op_threads": None})
    plain = emit("run-config", request_for(description, without))
    assert yaml.safe_load(limited) == yaml.safe_load(plain)


def test_a_real_run_of_such_a_way_has_the_limit_in_its_environment():
    assert thread_limit(SPAWN_2)["OMP_NUM_THREADS"] == "1"
    assert thread_limit(Candidate("execute_job", "in_process")) == {}
