"""What the search advises: constraints, ties, and promises that hold for any workload."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.domain.advice import Objective
from advisor.domain.candidate import Candidate
from advisor.domain.host import CpuScaling
from advisor.domain.item_sample import ItemSample
from advisor.domain.no_prediction import NoAdviceError, NoModelError
from advisor.domain.overhead import InProcessOverhead, MultiprocessOverhead, OverheadModel
from advisor.domain.trial import WorkerLimit
from advisor.domain.workload import ConcurrencyProbe, OpProfile, WorkloadProfile
from advisor.model.candidates import WorkerChoice, all_candidates, complexity
from advisor.model.contention import fit_contention
from advisor.model.items import items_of
from advisor.model.limits import Limits, limits_of
from advisor.model.prediction import Predictor
from advisor.model.pruning import lower_bound_s, lower_core_seconds
from advisor.model.search import LEAST_GAIN, Constraints, SearchResult, floors, search
from advisor.model.setting import Machine, Setting

WARM = MultiprocessOverhead(
    start_s=0.2,
    server_start_s=1.3,
    boot_s=0.09,
    prepare_s=0.08,
    load_s=0.03,
    finish_s=0.015,
    exit_s=0.04,
    fan_out_output_s=0.015,
    collect_input_s=0.008,
    end_s=0.03,
)
OVERHEAD = OverheadModel(
    execute_in_process=InProcessOverhead(0.05, 0.008, 0.002, 0.001, 0.01),
    in_process=InProcessOverhead(0.2, 0.04, 0.013, 0.008, 0.04),
    multiprocess={
        "spawn": replace(WARM, server_start_s=0.0, boot_s=1.2, exit_s=0.7),
        "forkserver": replace(WARM, server_start_s=0.6, boot_s=0.65),
        "warm_forkserver": WARM,
    },
    cli_start_s=1.8,
    store_byte_s=1e-9,
    load_byte_s=1e-9,
    cpu_scaling=(CpuScaling(2, 1.05),),
    transfer_s=0.010,
)
DEFAULT = Candidate("execute_job", "multiprocess", "spawn", (), 2)
ANYTHING = Constraints()
TRIED = Limits(WorkerLimit("thread", True, 64, 64), WorkerLimit("process", True, 64, 64))
"""Everything that is predicted here was seen to work, where no probe says otherwise."""


def profile(
    wall_s: float,
    cpu_s: float,
    items: int,
    *,
    samples: int = 5,
    peak_bytes: int = 1 << 20,
    probes: tuple[ConcurrencyProbe, ...] = (),
) -> WorkloadProfile:
    calls = tuple(
        ItemSample(i, None, wall_s * (1 + 0.1 * (i % 3 - 1)), cpu_s, peak_bytes, 100, 100)
        for i in range(samples)
    )
    op = OpProfile("work", calls[:2], calls[:2], calls, base_rss_bytes=100 << 20)
    return WorkloadProfile(items, (op,), probes=probes)


def setting_for(
    workload: WorkloadProfile, *, cores: float = 2.0, memory_bytes: int = 24 << 30
) -> Setting:
    items = items_of(workload)
    contention = fit_contention(
        workload.probes,
        alone_s=float(items.wall_s.mean()),
        cpu_s=float(items.cpu_s.mean()),
        cores=cores,
    )
    limits = limits_of(workload.probes) if workload.probes else TRIED
    machine = Machine(cores, memory_bytes, 100 << 20)
    return Setting(items, contention, OVERHEAD, machine, limits=limits)


def advise(
    workload: WorkloadProfile,
    constraints: Constraints = ANYTHING,
    *,
    memory_bytes: int = 24 << 30,
    cores: float = 2.0,
    current: Candidate | None = DEFAULT,
) -> SearchResult:
    setting = setting_for(workload, cores=cores, memory_bytes=memory_bytes)
    candidates = all_candidates(
        setting.items.count,
        overhead=OVERHEAD,
        preload=("warm",),
        workers=WorkerChoice(setting.contention, cores),
    )
    return search(candidates, Predictor(setting), constraints, current=current, default=DEFAULT)


def test_waiting_items_get_threads_and_a_config_that_overlaps_them() -> None:
    found = advise(profile(0.5, 0.001, 8))
    assert found.recommendation.candidate.worker_kind == "thread"
    assert found.recommendation.candidate.batch_size == 8
    assert found.recommendation.makespan_s.median < 1.2
    config = found.config_only.candidate
    assert config.is_warm
    assert config.max_concurrent >= 6
    assert not config.needs_code


def test_short_computing_items_stay_in_process() -> None:
    found = advise(profile(0.005, 0.005, 300))
    assert found.config_only.candidate.executor == "in_process"
    assert found.recommendation.candidate.batch_size == 300


def test_long_computing_items_use_the_cores() -> None:
    found = advise(profile(30.0, 30.0, 8))
    candidate = found.config_only.candidate
    assert candidate.executor == "multiprocess"
    assert found.config_only.makespan_s.median < 0.6 * floors_of(profile(30.0, 30.0, 8)).serial_s


def floors_of(workload: WorkloadProfile):
    items = items_of(workload)
    contention = fit_contention((), alone_s=1.0, cpu_s=1.0, cores=2.0)
    return floors(Predictor(Setting(items, contention, OVERHEAD, Machine(2.0, 24 << 30))))


def test_config_alone_is_asked_for() -> None:
    found = advise(profile(0.5, 0.001, 8), Constraints(change="config"))
    assert not found.recommendation.candidate.needs_code


def test_production_is_not_told_to_execute_in_process() -> None:
    workload = profile(0.05, 0.05, 20)
    in_development = advise(workload, Constraints(environment="dev", change="config"))
    in_production = advise(workload, Constraints(environment="prod", change="config"))
    assert in_development.recommendation.candidate.launch == "execute_in_process"
    assert in_production.recommendation.candidate.launch == "execute_job"
    ruled_out = [p for p in in_production.candidates if p.candidate.launch == "execute_in_process"]
    assert ruled_out
    assert all(p.expected_regret >= 0 for p in ruled_out)  # faster than all that may be chosen


def test_what_does_not_fit_the_memory_is_rejected_with_the_figures() -> None:
    found = advise(profile(5.0, 0.1, 16, peak_bytes=2 << 30), memory_bytes=8 << 30)
    assert found.recommendation.peak_memory_bytes <= 8 << 30
    reasons = [r.reason for r in found.rejected if r.candidate.max_concurrent == 16]
    assert any("needs 3" in reason and "the host has 8.0 GiB" in reason for reason in reasons)


def test_connections_cap_the_concurrency() -> None:
    workload = profile(0.5, 0.001, 8)
    found = advise(workload, Constraints(max_connections=3, connections_per_item=1))
    chosen = found.recommendation.candidate
    assert chosen.max_concurrent * chosen.workers_in_op <= 3


def test_nothing_that_fits_is_an_error_with_the_figures() -> None:
    with pytest.raises(NoAdviceError, match=r"needs 4\.\d GiB, the host has 1\.0 GiB"):
        advise(profile(0.5, 0.001, 8, peak_bytes=4 << 30), memory_bytes=1 << 30)
    with pytest.raises(NoAdviceError, match=r"even the smallest needs .* the host has 64.0 MiB"):
        advise(profile(0.5, 0.001, 8), memory_bytes=64 << 20)


def test_threads_that_failed_the_probe_are_not_advised() -> None:
    probe = ConcurrencyProbe("thread", 2, 0.0, failed="results differ")
    found = advise(profile(0.5, 0.001, 8, probes=(probe,)))
    assert found.recommendation.candidate.worker_kind != "thread"


def test_a_remote_that_serves_one_at_a_time_gets_no_concurrency() -> None:
    probes = (
        ConcurrencyProbe("process", 2, 2.0),
        ConcurrencyProbe("process", 4, 4.0),
        ConcurrencyProbe("thread", 2, 2.0),
        ConcurrencyProbe("thread", 4, 4.0),
    )
    found = advise(profile(0.5, 0.001, 8, probes=probes))
    assert found.recommendation.candidate.workers_in_op == 1
    assert found.config_only.candidate.executor == "in_process"


def test_a_near_tie_goes_to_the_simpler_way() -> None:
    found = advise(profile(2.0, 2.0, 2), Constraints(change="config"))
    better = [
        p
        for p in found.candidates
        if p.allowed and p.makespan_s.median < found.recommendation.makespan_s.median
    ]
    for p in better:
        assert complexity(p.candidate) > complexity(found.recommendation.candidate)
        assert found.recommendation.makespan_s.median <= 1.04 * p.makespan_s.median


def test_the_objective_cost_cpu_prefers_fewer_core_seconds() -> None:
    workload = profile(1.0, 1.0, 12)
    quick = advise(workload, Constraints(objective="time")).recommendation
    cheap = advise(workload, Constraints(objective="cost-cpu")).recommendation
    assert cheap.core_seconds <= quick.core_seconds + LEAST_GAIN
    assert cheap.makespan_s.median >= quick.makespan_s.median


@pytest.mark.parametrize("workload", [profile(1.0, 1.0, 12), profile(0.3, 0.01, 40)])
def test_what_one_machine_costs_ranks_like_time(workload: WorkloadProfile) -> None:
    quick, cheap = (advise(workload, Constraints(objective=o)) for o in ("time", "cost"))
    assert cheap.recommendation.candidate == quick.recommendation.candidate
    assert [p.candidate for p in cheap.candidates] == [p.candidate for p in quick.candidates]
    for p in cheap.candidates:
        assert p.rented_core_seconds == pytest.approx(2.0 * p.makespan_s.median)
        assert p.core_seconds < p.rented_core_seconds


def test_the_breakdown_adds_up_to_the_makespan() -> None:
    for p in advise(profile(0.4, 0.2, 10)).candidates:
        b = p.breakdown_s
        total = b.work_s + b.launch_s + b.serialize_s + b.coordinate_s + b.idle_s
        assert total == pytest.approx(p.makespan_s.median, rel=0.02), p.candidate.label
        assert p.makespan_s.low <= p.makespan_s.median <= p.makespan_s.high


def test_few_samples_of_uneven_items_give_a_wide_interval() -> None:
    def width(samples: int) -> float:
        walls = [0.1, 2.0, 0.1, 0.1, 3.0, 0.2, 0.1, 0.1][:samples] * (1 if samples == 2 else 3)
        calls = tuple(ItemSample(i, None, w, 0.0, 0, 1, 1) for i, w in enumerate(walls))
        items = items_of(WorkloadProfile(100, (OpProfile("work", (), (), calls),)))
        contention = fit_contention((), alone_s=1.0, cpu_s=0.0, cores=2.0)
        setting = Setting(items, contention, OVERHEAD, Machine(2.0, 1 << 34))
        found = Predictor(setting).predict(Candidate("execute_job", "in_process")).makespan_s
        return (found.high - found.low) / found.median

    assert width(2) > 1.5 * width(8)


def test_ten_thousand_items_need_few_simulations() -> None:
    found = advise(profile(0.05, 0.05, 10_000))
    assert len(found.candidates) <= 150
    assert found.recommendation.makespan_s.median < found.default.makespan_s.median


@settings(max_examples=25, deadline=None)
@given(
    wall_s=st.floats(0.001, 20.0),
    share=st.floats(0.0, 1.0),
    items=st.integers(1, 40),
    slots=st.sampled_from([1, 2, 4, 8]),
    start=st.sampled_from(["spawn", "forkserver"]),
)
def test_the_advice_is_never_predicted_slower_than_what_there_is(
    wall_s: float, share: float, items: int, slots: int, start: str
) -> None:
    current = Candidate("execute_job", "multiprocess", start, (), slots)  # type: ignore[arg-type]
    found = advise(profile(wall_s, wall_s * share, items), current=current)
    assert found.current is not None
    advised = found.recommendation.makespan_s.median
    assert advised <= found.current.makespan_s.median * 1.031
    assert found.default is not None
    assert advised <= found.default.makespan_s.median * 1.031
    # Resampled samples may be a little faster than the items' mean.
    assert advised >= 0.8 * floors_of(profile(wall_s, wall_s * share, items)).critical_path_s


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    wall_s=st.floats(0.001, 20.0),
    share=st.floats(0.0, 1.0),
    items=st.sampled_from([1, 3, 12, 40, 150]),
    crowding=st.floats(1.0, 2.0),
    constraints=st.builds(
        Constraints,
        objective=st.sampled_from(get_args(Objective)),
        change=st.sampled_from(["config", "code"]),
        environment=st.sampled_from(["dev", "prod"]),
        max_connections=st.sampled_from([None, 3]),
        connections_per_item=st.just(1),
    ),
)
def test_what_is_left_out_of_the_simulation_would_not_have_been_chosen(
    wall_s: float,
    share: float,
    items: int,
    crowding: float,
    constraints: Constraints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probes = tuple(ConcurrencyProbe("process", n, crowding * n / 2) for n in (2, 4))
    workload = profile(wall_s, wall_s * share, items, probes=probes)
    found = advise(workload, constraints)
    with monkeypatch.context() as without:
        without.setattr("advisor.model.pruning.PRUNE", float("inf"))
        thorough = advise(workload, constraints)
    assert len(thorough.candidates) >= len(found.candidates)
    assert found.recommendation.candidate == thorough.recommendation.candidate
    assert found.config_only.candidate == thorough.config_only.candidate


@settings(max_examples=10, deadline=None)
@given(
    wall_s=st.floats(0.001, 5.0),
    share=st.floats(0.0, 1.0),
    items=st.sampled_from([1, 7, 45, 900]),
)
def test_bounds_lie_below_what_is_simulated(wall_s: float, share: float, items: int) -> None:
    measured = items_of(profile(wall_s, wall_s * share, items))
    contention = fit_contention((), alone_s=wall_s, cpu_s=wall_s * share, cores=2.0)
    setting = Setting(measured, contention, OVERHEAD, Machine(2.0, 1 << 36), draws=2)
    ways = all_candidates(
        items,
        overhead=OVERHEAD,
        preload=("warm",),
        workers=WorkerChoice(contention, 2.0),
    )
    for way in ways[:: 6 if items > 100 else 2]:
        found = Predictor(setting).estimate(way)
        # The items that are simulated may be a little faster than the mean of the samples.
        assert lower_bound_s(way, setting) <= 1.03 * found.makespan_s, way.label
        assert lower_core_seconds(way, setting) <= 1.03 * found.core_seconds, way.label


@settings(max_examples=15, deadline=None)
@given(wall_s=st.floats(0.01, 500.0), items=st.integers(1, 2000))
def test_the_command_line_is_never_advised_as_the_faster(wall_s: float, items: int) -> None:
    called = Candidate("execute_job", "in_process")
    measured = items_of(profile(wall_s, wall_s, items))
    contention = fit_contention((), alone_s=wall_s, cpu_s=wall_s, cores=2.0)
    setting = Setting(measured, contention, OVERHEAD, Machine(2.0, 1 << 36))
    ways = [called, replace(called, launch="cli")]
    for chosen in (ways, ways[::-1]):
        found = search(chosen, Predictor(setting), ANYTHING, current=None, default=None)
        assert found.recommendation.candidate == called


def test_a_batch_pays_the_fixed_part_of_storing_once() -> None:
    calls = tuple(
        ItemSample(i, None, 0.01, 0.01, 1 << 20, 100, 100, load_s=0.002, store_s=0.008)
        for i in range(10)
    )
    op = OpProfile("work", calls[:2], calls[:2], calls)
    setting = setting_for(WorkloadProfile(100, (op,)))
    one = Candidate("execute_job", "in_process", batch_size=100)
    two = replace(one, batch_size=50)
    step_s = OVERHEAD.in_process.step_s + OVERHEAD.in_process.fan_out_output_s
    step_s += OVERHEAD.in_process.collect_input_s
    more_s = (
        Predictor(setting).estimate(two).makespan_s - Predictor(setting).estimate(one).makespan_s
    )
    assert more_s == pytest.approx(step_s + 0.010, rel=0.02)


def test_a_resource_that_waits_to_start_takes_no_core_from_other_steps() -> None:
    def makespan_s(cpu_s: float | None) -> float:
        made = profile(0.1, 0.01, 8)
        op = replace(made.ops[0], resource_init_s=1.0, resource_init_cpu_s=cpu_s)
        at_once = Candidate("execute_job", "multiprocess", "forkserver", ("warm",), 8)
        return Predictor(setting_for(replace(made, ops=(op,)))).estimate(at_once).makespan_s

    assert makespan_s(0.0) < makespan_s(None) - 2.0
    assert makespan_s(1.0) == makespan_s(None)


def test_what_there_is_no_model_of_is_refused_with_what_there_is() -> None:
    setting = setting_for(profile(0.5, 0.001, 8))
    with pytest.raises(NoModelError, match="no cluster with the k8s executor") as pods:
        Predictor(setting).estimate(Candidate("execute_job", "k8s"))
    assert "--cluster NAME" in pods.value.hint
    spawn = {"spawn": OVERHEAD.multiprocess["spawn"]}
    uncalibrated = replace(setting, overhead=replace(OVERHEAD, multiprocess=spawn))
    with pytest.raises(NoModelError, match="the host's calibration has no such method") as warm:
        Predictor(uncalibrated).estimate(Candidate("execute_job", "multiprocess", "forkserver"))
    assert warm.value.hint == "Calibrated multiprocess methods: spawn."
