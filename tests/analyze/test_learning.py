"""What runs teach: the workload's items, and what their host or cluster charges."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    make_description,
    make_overhead,
    make_sample,
    make_target,
    make_workload_profile,
)
from hypothesis import given
from hypothesis import strategies as st
from observed_runs import make_observed, make_step

from advisor.api.analyze import profile_from_runs
from advisor.dagster_bridge.event_log import RunRow
from advisor.domain.errors import DynadviseError
from advisor.domain.workload import OpProfile
from advisor.history.learning import (
    overhead_from_runs,
    overhead_model_from_runs,
    workload_from_runs,
)
from advisor.history.reading import PastRuns
from advisor.history.run_analysis import analyze_run


@given(
    launch_s=st.floats(0.1, 5.0),
    prepare_s=st.floats(0.01, 1.0),
    load_s=st.floats(0.001, 0.5),
    store_s=st.floats(0.001, 0.5),
    tail_s=st.floats(0.01, 1.0),
)
def test_known_phases_are_recovered(
    launch_s: float, prepare_s: float, load_s: float, store_s: float, tail_s: float
) -> None:
    step = {"prepare_s": prepare_s, "load_s": load_s, "store_s": store_s}
    run = make_observed([0.5] * 6, slots=1, launch_s=launch_s, tail_s=tail_s, step=step)
    found = overhead_from_runs([run]).multiprocess["spawn"]
    assert found.boot_s == pytest.approx(launch_s, abs=0.02)
    assert found.load_s == pytest.approx(load_s, abs=1e-6)
    assert found.finish_s == pytest.approx(store_s, abs=1e-6)
    assert found.exit_s == pytest.approx(tail_s, abs=0.02)
    assert found.server_start_s == 0.0


def test_a_forkserver_and_its_start_are_kept_apart_from_spawn() -> None:
    cold = make_observed([0.5] * 4, slots=1, launch_s=0.6, start_method="forkserver")
    first = replace(cold.steps[0], worker_starting_s=cold.steps[0].worker_starting_s - 0.9)
    cold = replace(cold, steps=(first, *cold.steps[1:]))
    warm = replace(
        make_observed([0.5] * 4, slots=1, launch_s=0.1),
        run_id="warm",
        start_method="forkserver",
        preload_modules=("pandas",),
    )
    found = overhead_from_runs([cold, warm]).multiprocess
    assert set(found) == {"forkserver", "warm_forkserver"}
    assert found["forkserver"].server_start_s == pytest.approx(0.9)
    assert found["warm_forkserver"].boot_s < found["forkserver"].boot_s


def test_an_in_process_step_cost_is_the_gap_without_the_work() -> None:
    run = make_observed([0.5] * 10, slots=1, launch_s=None, executor="in_process", tail_s=0.01)
    found = overhead_from_runs([run]).in_process
    assert found is not None
    assert found.step_s == pytest.approx(0.02 + 0.02 + 0.01)
    assert found.fan_out_output_s == pytest.approx(0.106 / 10)  # the last one is stored, too


def test_pods_are_learned_with_their_start_and_poll() -> None:
    run = make_observed([2.0] * 12, slots=3, launch_s=9.0, tail_s=1.2, executor="k8s")
    found = overhead_from_runs([run]).delegated["k8s"]
    assert found.start_s.median == pytest.approx(9.0)
    assert found.poll_interval_s is not None
    assert found.poll_interval_s.median == pytest.approx(1.2)
    alone = overhead_model_from_runs([run])
    assert (alone.multiprocess, alone.in_process.step_s) == ({}, pytest.approx(0.04))
    with pytest.raises(DynadviseError, match="no executor to learn"):
        overhead_model_from_runs([replace(run, executor="other")])
    assert overhead_model_from_runs([run], make_overhead()).multiprocess


def test_what_runs_do_not_show_comes_from_the_calibration() -> None:
    base = make_overhead()
    model = overhead_model_from_runs([make_observed([0.5] * 4, slots=1, launch_s=7.0)], base)
    assert model.multiprocess["spawn"].boot_s > 6
    others = set(base.multiprocess) - {"spawn"}
    assert all(model.multiprocess[name] == base.multiprocess[name] for name in others)
    assert model.in_process == base.in_process


def test_samples_are_the_computing_of_each_item() -> None:
    work = [0.2, 0.4, 0.8, 1.6]
    profile = workload_from_runs([make_observed(work)])
    (op,) = profile.ops
    assert (profile.items, op.handle) == (4, "work")
    assert sorted(sample.wall_s for sample in op.first_calls) == pytest.approx(work)
    assert op.later_calls == ()
    assert profile.collect_items == 4
    assert any("CPU time" in note for note in profile.notes)


def test_first_and_later_calls_are_told_by_the_executor() -> None:
    serial = make_observed([0.5] * 5, slots=1, launch_s=None, executor="in_process")
    warm = replace(make_observed([0.5] * 5), run_id="warm", preload_modules=("pandas",))
    (op,) = workload_from_runs([serial, warm]).ops
    calls = (len(op.first_calls), len(op.later_calls), len(op.preloaded_first_calls))
    assert calls == (1, 4, 5)


def test_failed_steps_are_no_samples() -> None:
    run = make_observed([0.5] * 4)
    failed = replace(run.steps[1], status="failure")
    profile = workload_from_runs([replace(run, steps=(run.steps[0], failed, *run.steps[2:]))])
    assert len(profile.ops[0].first_calls) == 3
    with pytest.raises(DynadviseError, match=r"No mapped step succeeded"):
        workload_from_runs([replace(run, steps=(run.steps[0], failed))])


def test_an_earlier_measurement_fills_in_cpu_and_memory() -> None:
    known = OpProfile(
        handle="work",
        first_calls=(),
        preloaded_first_calls=(),
        later_calls=(make_sample(wall_s=1.0, cpu_s=0.25, peak_rss_bytes=500),),
    )
    measured = make_workload_profile(ops=(known,))
    sample = workload_from_runs([make_observed([2.0] * 3)], measured=measured).ops[0].first_calls[0]
    assert sample.cpu_s == pytest.approx(0.5)
    assert sample.peak_rss_bytes == 500


def test_two_steps_of_one_op_are_filled_in_from_their_own_measurements() -> None:
    run = make_observed([2.0] * 3)
    long = [make_step(f"long[{n}]", 10.0 + 3.0 * n, work_s=2.0) for n in range(3)]
    short = [make_step(f"short[{n}]", 1.0 + 3.0 * n, work_s=1.0) for n in range(3)]
    steps = (run.steps[0], *short, *long)
    measured = make_workload_profile(
        ops=tuple(
            OpProfile(handle, (), (), (make_sample(wall_s=1.0, cpu_s=cpu_s),))
            for handle, cpu_s in (("short", 0.25), ("long", 0.75))
        )
    )
    ops = workload_from_runs([replace(run, steps=steps)], measured=measured).ops
    assert [op.handle for op in ops] == ["short", "long"]
    assert [op.first_calls[0].cpu_s for op in ops] == pytest.approx([0.25, 1.5])


@pytest.mark.parametrize(
    "shape",
    [
        {"slots": 1, "launch_s": None, "executor": "in_process"},
        {"slots": 1, "launch_s": 1.2},
        {"slots": 2, "launch_s": 1.2},
    ],
)
def test_the_way_the_runs_went_is_predicted_as_they_were(shape: dict[str, object]) -> None:
    run = make_observed([0.5] * 24, **shape)
    current = profile_from_runs(
        PastRuns((RunRow("run-1", "chunks", "success"),), (run,))
    ).advice.current
    assert current is not None
    assert current.makespan_s.median == pytest.approx(run.end_s, rel=0.05)


def test_the_commands_in_what_is_said_of_runs_name_their_job() -> None:
    row = RunRow("run-1", "chunks", "success", target=make_target())
    past = PastRuns((row,), (make_observed([0.5] * 24),))
    notes = profile_from_runs(past).workload.notes
    assert any("`dynadvise profile shop.chunks:process_all`" in note for note in notes)
    slow = make_observed([2.0] * 10, slots=1, executor="in_process")
    (diagnosis,) = (
        each
        for each in analyze_run(slow, description=make_description()).diagnoses
        if each.kind == "sequential-unexpectedly-slow"
    )
    assert "dynadvise profile shop.chunks:process_all" in diagnosis.remedy
