"""What a prediction takes the machine for, and what real runs of other ways may change in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    SPAWN_2,
    WARM_8,
    make_host_facts,
    make_host_profile,
    make_multiprocess_overhead,
    make_overhead,
    make_sample,
    make_saved_profile,
    make_workload_profile,
)

from advisor.api.recommend import predict
from advisor.domain.candidate import Candidate
from advisor.domain.host import CpuScaling
from advisor.domain.no_prediction import NoModelError
from advisor.domain.options import AdviseOptions
from advisor.domain.verification import Verification, VerifiedRun
from advisor.domain.workload import ConcurrencyProbe, OpProfile
from advisor.model import scheduling
from advisor.model.measured_setting import setting_of
from advisor.model.prediction import Predictor
from advisor.model.ways import default_candidate
from advisor.store import SavedProfile

IN_PROCESS = Candidate("execute_job", "in_process")
THREADS = replace(IN_PROCESS, batch_size=8, workers_in_op=8, worker_kind="thread")
PROCESSES = replace(THREADS, workers_in_op=2, worker_kind="process")


def computing(cpu_s: float = 4.0, items: int = 8, first_s: float = 0.0) -> SavedProfile:
    """Items that compute, without anything else."""
    calls = tuple(make_sample(i, wall_s=cpu_s, cpu_s=cpu_s) for i in range(items))
    first = (make_sample(0, wall_s=cpu_s + first_s, cpu_s=cpu_s + first_s),) if first_s else ()
    op = OpProfile("process_chunk", first, first, calls)
    workload = make_workload_profile(items=items, ops=(op,), probes=(), fan_out_s=0, collect_s=0)
    return make_saved_profile(workload=workload)


def seconds(saved: SavedProfile, way: Candidate, **options: object) -> float:
    setting = setting_of(saved, AdviseOptions(**options))  # type: ignore[arg-type]
    return Predictor(setting).estimate(way).makespan_s


def test_two_threads_of_one_core_are_counted_once():
    """Probes that show it, and the cores' measured scaling, tell the same."""
    saved = computing()
    overhead = make_overhead(cpu_scaling=(CpuScaling(2, 1.6),))
    probes = (ConcurrencyProbe("process", 2, 1.6), ConcurrencyProbe("process", 4, 3.2))
    probed = replace(saved.workload, probes=probes)

    alone_s = seconds(replace(saved, overhead=overhead), SPAWN_2)
    probed_s = seconds(replace(saved, overhead=overhead, workload=probed), SPAWN_2)

    assert probed_s == pytest.approx(alone_s, rel=0.02)


def test_first_calls_in_worker_processes_are_paid_once():
    without, with_first = computing(1.0), computing(1.0, first_s=2.0)
    extra_s = seconds(with_first, PROCESSES) - seconds(without, PROCESSES)
    assert extra_s == pytest.approx(2.0, abs=0.1)


def test_a_verified_batch_corrects_no_plain_way():
    saved = replace(computing(1.0), verifications=())
    before_s = {way: seconds(saved, way) for way in (IN_PROCESS, THREADS, PROCESSES)}
    slow = VerifiedRun(THREADS, 2 * before_s[THREADS], 1.0, 1.0, 0.0, "2026-01-01")
    saved = replace(saved, verifications=(Verification("x", THREADS, None, (slow,)),))

    assert seconds(saved, THREADS) == pytest.approx(2**0.5 * before_s[THREADS])
    assert seconds(saved, IN_PROCESS) == before_s[IN_PROCESS]
    assert seconds(saved, PROCESSES) == before_s[PROCESSES]


def test_a_run_that_the_daemon_launches_has_no_prediction():
    with pytest.raises(NoModelError, match="run queue") as raised:
        predict(computing(), replace(SPAWN_2, launch="daemon"), AdviseOptions())
    assert "execute_job" in str(raised.value.hint)


def test_dagsters_default_is_the_nodes_cpu_count_not_the_pods_cores():
    saved = make_saved_profile(host=make_host_profile(facts=make_host_facts(cpus=2, cpu_count=2)))

    def slots(**options: object) -> int:
        return default_candidate(saved, AdviseOptions(**options)).max_concurrent  # type: ignore[arg-type]

    assert slots() == 2
    assert slots(cores=0.5) == 1
    assert slots(cores=4) == 4
    assert slots(cores=4, cpu_count=64) == 64


BLAS = OpProfile(
    "process_chunk", (), (), tuple(make_sample(i, wall_s=1.0, cpu_s=4.0) for i in range(16))
)


@pytest.mark.parametrize(("cores", "at_least_s"), [(4, 16.0), (2, 32.0), (1, 64.0), (0.5, 128.0)])
def test_items_that_use_several_cores_have_no_more_of_them_in_process(cores, at_least_s):
    """4 CPU seconds in 1 s on 4 cores; 17.6 s were predicted whatever the cores."""
    workload = make_workload_profile(items=16, ops=(BLAS,), probes=())
    saved = make_saved_profile(
        workload=workload,
        host=make_host_profile(facts=make_host_facts(cpus=4, cpu_count=4)),
        overhead=make_overhead(cpu_scaling=()),
        verifications=(),
    )
    alone_s = seconds(saved, IN_PROCESS, cores=cores)
    assert at_least_s <= alone_s <= at_least_s + 1.6 / min(1, cores)
    spread_s = seconds(saved, SPAWN_2, cores=cores)
    assert spread_s > alone_s


def test_a_quota_below_one_core_is_applied_once_and_to_every_way():
    saved = replace(computing(1.0, items=16), verifications=())
    whole_s = {way: seconds(saved, way, cores=1) for way in (IN_PROCESS, SPAWN_2, PROCESSES)}
    for way, seconds_s in whole_s.items():
        half_s = seconds(saved, way, cores=0.5)
        assert half_s == pytest.approx(2 * seconds_s, rel=0.03), way.label


def test_what_waits_for_storage_is_overlapped_by_slots():
    """0.72 s of network waits in a step, items that wait 1 s: 16 in parallel were taken for CPU."""
    waits = tuple(make_sample(i, wall_s=1.0, cpu_s=0.0) for i in range(100))
    op = OpProfile("process_chunk", (), (), waits)
    saved = replace(
        computing(), workload=make_workload_profile(items=100, ops=(op,), probes=()),
        verifications=(),
    )  # fmt: skip
    warm = make_multiprocess_overhead(prepare_s=0.72 + 0.06)
    networked = make_overhead(multiprocess={"warm_forkserver": warm})
    shared = replace(warm, wait_share=0.72 / warm.child_step_s)
    split = replace(networked, multiprocess={"warm_forkserver": shared})
    way = replace(WARM_8, max_concurrent=16)

    computed_s = seconds(replace(saved, overhead=networked), way)
    waited_s = seconds(replace(saved, overhead=split), way)

    assert computed_s > 45
    assert waited_s < 30


@pytest.mark.parametrize("slots", [12, 16, 24, 32])
def test_a_long_run_is_extrapolated_by_whole_waves(slots, monkeypatch):
    """1,000 steps of 60 s, 16 in parallel: 5 % too long where 200 is no multiple of the slots."""
    waits = tuple(make_sample(i, wall_s=60.0, cpu_s=0.0) for i in range(4))
    op = OpProfile("process_chunk", (), (), waits)
    workload = make_workload_profile(items=1000, ops=(op,), probes=())
    saved = make_saved_profile(workload=workload, verifications=())
    way = replace(WARM_8, max_concurrent=slots)
    extrapolated_s = seconds(saved, way)
    monkeypatch.setattr(scheduling, "MANY_STEPS", 1000)
    assert extrapolated_s == pytest.approx(seconds(saved, way), rel=0.01)


def test_what_an_io_manager_waits_for_is_overlapped_by_slots():
    def predicted_s(io_wait_s: float) -> float:
        call = {"wall_s": 0.1, "cpu_s": 0.0, "load_s": 0.5, "store_s": 0.5, "io_wait_s": io_wait_s}
        calls = tuple(make_sample(i, **call) for i in range(32))
        op = OpProfile("process_chunk", (), (), calls)
        workload = make_workload_profile(items=32, ops=(op,), probes=())
        return seconds(make_saved_profile(workload=workload, verifications=()), WARM_8)

    assert predicted_s(0.0) > 16  # 32 s of computing on two cores
    assert predicted_s(1.0) < 12
