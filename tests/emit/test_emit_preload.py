"""Worker processes inside a step: a module that must not be there before a fork is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from emission import describe_job, is_plain, request_for
from factories import make_workload_profile

from advisor.domain.candidate import Candidate
from advisor.emit import emit

WARM = ("sqlalchemy", "polars", "emit_pool_at_import_job")
PROCESSES = Candidate(
    "execute_job", "multiprocess", "forkserver", WARM, 2, 2, workers_in_op=2, worker_kind="process"
)
RUN = """
from emitted import pool_job_batched

if __name__ == "__main__":
    print(pool_job_batched.execute_in_process().output_for_node("merge"))
"""


def workload(unsafe):
    profile = make_workload_profile()
    return replace(profile, ops=(replace(profile.ops[0], unsafe_modules=unsafe),))


def emitted(unsafe, *, plain=True):
    description = describe_job("emit_pool_at_import_job", "pool_job", plain=plain)
    return emit("workers", request_for(description, PROCESSES, workload=workload(unsafe)))


def preloaded_by(source):
    """The names and the expression that the emitted code gives to the forkserver."""
    names = source.partition("PRELOADED = [")[2].partition("]")[0]
    name = "set_forkserver_preload(" if is_plain(source) else " preloaded="
    return names.split(), source.partition(name)[2].partition("\n")[0].rstrip("),")


def test_what_the_profile_refuses_is_not_preloaded():
    names, expression = preloaded_by(emitted({"polars": "starts a native thread when imported"}))

    assert names == ['"sqlalchemy",', '"emit_pool_at_import_job",']
    assert expression == "[__name__, *PRELOADED]"


@pytest.mark.parametrize("plain", [True, False])
def test_the_users_module_is_not_preloaded_where_it_is_refused(plain):
    unsafe = {"emit_pool_at_import_job": "starts a native thread when imported"}
    source = emitted(unsafe, plain=plain)
    assert is_plain(source) == plain

    names, expression = preloaded_by(source)

    assert names == ['"sqlalchemy",', '"polars",']
    assert expression == "PRELOADED"
    assert "starts a native thread when imported" in source


def test_workers_end_though_the_module_computes_on_a_pool_when_it_is_imported(tmp_path):
    unsafe = {"emit_pool_at_import_job": "starts a thread", "polars": "starts a native thread"}
    source = emitted(unsafe)
    assert is_plain(source)
    (tmp_path / "emitted.py").write_text(source)
    (tmp_path / "run_it.py").write_text(RUN)

    process = subprocess.Popen(
        [sys.executable, "run_it.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
    )
    try:
        out, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        pytest.fail("the workers hang")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    assert out == "[0, 2, 4, 6]\n"
