"""The memory that a way needs: what is held, and not the calls alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    make_host_profile,
    make_sample,
    make_saved_profile,
    make_workload_profile,
)

from advisor.domain.candidate import Candidate
from advisor.domain.item_sample import ItemSample
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import OpProfile, WorkloadProfile
from advisor.model.contention import Contention
from advisor.model.items import items_of
from advisor.model.measured_setting import setting_of
from advisor.model.memory import peak_memory_bytes
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints, misfit_of
from advisor.model.setting import Machine, Setting
from tests.model.test_search import OVERHEAD

MB = 10**6
BASE = 150 * MB
IN_MEMORY = Candidate("execute_in_process", "in_process")
IN_PROCESS = Candidate("execute_job", "in_process")
WARM_8 = Candidate("execute_job", "multiprocess", "forkserver", ("warm",), 8)
SPAWN_8 = Candidate("execute_job", "multiprocess", "spawn", (), 8)


def setting(value_bytes: int, peak_bytes: int, items: int, **changes: object) -> Setting:
    call = ItemSample(0, None, 0.1, 0.1, peak_bytes, value_bytes, value_bytes)
    op = OpProfile("work", (call,), (call,), (call,), base_rss_bytes=BASE)
    known = replace(items_of(WorkloadProfile(items, (op,))), **changes)  # type: ignore[arg-type]
    return Setting(known, Contention(2.0), OVERHEAD, Machine(2.0, 16 << 30, BASE))


THOUSAND = setting(32 * MB, 100 * MB, 1000)
"""A thousand values of 32 MB, in and out."""


@pytest.mark.parametrize("way", [IN_MEMORY, replace(IN_PROCESS, batch_size=1000)])
def test_one_process_for_all_items_holds_their_inputs_and_their_outputs(way: Candidate):
    assert peak_memory_bytes(way, THOUSAND) >= 64_000 * MB


def test_the_collecting_op_loads_all_outputs_however_the_items_ran():
    for way in (IN_PROCESS, WARM_8, SPAWN_8):
        assert peak_memory_bytes(way, THOUSAND) >= 32_000 * MB
        alone = peak_memory_bytes(way, replace(THOUSAND, after_steps=0))
        assert alone < 4_000 * MB  # eight steps at most


def test_a_batch_is_held_pickled_beside_its_objects_while_it_is_stored():
    few = setting(100 * MB, 250 * MB, 10)
    alone = peak_memory_bytes(IN_PROCESS, replace(few, after_steps=0))
    batched = peak_memory_bytes(replace(IN_PROCESS, batch_size=10), replace(few, after_steps=0))
    assert alone == BASE + 300 * MB  # its input, its output, and that pickled
    assert batched == BASE + 3000 * MB


def test_a_fan_out_into_batches_lists_all_values():
    many = setting(100 * MB, 250 * MB, 100)
    batched = replace(IN_PROCESS, batch_size=2)
    assert peak_memory_bytes(batched, replace(many, after_steps=0)) >= 100 * 100 * MB


def test_a_forked_step_takes_what_it_does_not_share():
    whole = setting(100, 1 * MB, 64)
    seen = setting(100, 1 * MB, 64, forked_rss_bytes=20 * MB)
    assert peak_memory_bytes(WARM_8, whole) > 8 * BASE
    assert peak_memory_bytes(WARM_8, seen) == pytest.approx(2 * BASE + 8 * 21 * MB, rel=0.01)
    assert peak_memory_bytes(SPAWN_8, seen) == peak_memory_bytes(SPAWN_8, whole)


def test_where_no_process_was_probed_the_calibrations_own_forked_steps_tell():
    """Each of them was counted whole: 38 to 52 % too much."""
    host = make_host_profile(base_rss_bytes=BASE)
    (warm, bare) = host.runs
    host = replace(host, runs=(replace(warm, step_unshared_bytes=20 * MB), bare))
    op = OpProfile("process_chunk", (), (), (make_sample(),), base_rss_bytes=BASE + 5 * MB)
    saved = make_saved_profile(
        host=host, workload=make_workload_profile(ops=(op,), items=64, probes=())
    )

    def peak_bytes(**changes: object) -> int:
        setting = setting_of(replace(saved, **changes), AdviseOptions())  # type: ignore[arg-type]
        return peak_memory_bytes(WARM_8, setting)

    own_bytes = (20 + 5) * MB  # what the user's resources take is started in each
    assert peak_bytes() == pytest.approx(2 * BASE + 8 * (own_bytes + 2 * MB), rel=0.02)
    probed = replace(op, forked_rss_bytes=40 * MB)
    workload = replace(saved.workload, ops=(probed,))
    assert peak_bytes(workload=workload) - peak_bytes() == 8 * (40 - 25) * MB


def test_threads_have_their_imports_in_common():
    threads = replace(IN_PROCESS, batch_size=32, workers_in_op=32, worker_kind="thread")
    importing = setting(10, 400 * MB, 32, grown_rss_bytes=1 * MB)
    assert peak_memory_bytes(threads, importing) < BASE + 400 * MB + 32 * 70 * MB
    filling = setting(10, 400 * MB, 32, grown_rss_bytes=390 * MB)
    assert peak_memory_bytes(threads, filling) > 32 * 390 * MB
    assert peak_memory_bytes(threads, setting(10, 400 * MB, 32)) > 32 * 390 * MB  # not known


def test_fifteen_percent_of_the_memory_stay_free_unless_told_otherwise():
    headroom = AdviseOptions().memory_headroom
    tight = setting(100, 13 << 30, 4)  # 13.1 of 15 GiB would fit
    machine = replace(tight.machine, memory_bytes=15 << 30)

    def misfit(share: float) -> str | None:
        found = replace(tight, machine=replace(machine, memory_headroom=share))
        refusal = misfit_of(Predictor(found).estimate(IN_PROCESS), found, Constraints())
        return refusal and refusal.words

    assert misfit(headroom) == "needs 13.1 GiB, the host has 15.0 GiB, of which 15 % stay free"
    assert misfit(0.0) is None
