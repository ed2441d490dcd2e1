"""Truth recovery: calibration runs generated from known coefficients give them back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.domain.host import (
    CalibrationRun,
    HostFacts,
    HostProfile,
    PlanGrowth,
    PreloadList,
    StorageSample,
)
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.domain.overhead import MultiprocessOverhead
from advisor.model.fit import fit_line, fit_overhead, noise_of

TRUE = MultiprocessOverhead(
    start_s=0.25,
    server_start_s=1.3,
    boot_s=0.09,
    prepare_s=0.08,
    load_s=0.02,
    finish_s=0.015,
    exit_s=0.04,
    fan_out_output_s=0.015,
    collect_input_s=0.008,
    end_s=0.03,
)
WAIT_S = 0.2


def generated_run(items: int, true: MultiprocessOverhead, method: str = "warm_forkserver"):
    """One step after another, each phase as long as the coefficients say."""
    clock = 0.0
    steps: list[ObservedStep] = []
    names = ["fan_out", *[f"mapped[i{i}]" for i in range(items)], "collect"]
    for number, name in enumerate(names):
        mapped = "[" in name
        starting = clock
        started = starting + true.boot_s + (true.server_start_s if number == 0 else 0.0)
        begun = started + true.prepare_s
        inputs = begun + (0.0 if number == 0 else true.load_s)
        if name == "collect":
            inputs += items * true.collect_input_s
        output = inputs + (WAIT_S if mapped else 0.0)
        last = output + (items * true.fan_out_output_s if number == 0 else 0.0)
        end = last + true.finish_s
        steps.append(
            ObservedStep(
                name,
                name.split("[")[0],
                f"i{number - 1}" if mapped else None,
                "success",
                starting,
                started,
                started + 0.7 * true.prepare_s,
                started + 0.8 * true.prepare_s,
                begun,
                inputs,
                output,
                last,
                last,
                end,
                outputs=items if number == 0 else 1,
                inputs=items if name == "collect" else int(mapped),
            )
        )
        clock = end + true.exit_s
    run = ObservedRun(
        "r", "j", "success", "multiprocess", 100.0 + true.start_s, clock, tuple(steps)
    )
    wall = true.start_s + clock + true.end_s
    return CalibrationRun(
        method,  # type: ignore[arg-type]
        1,
        wall_s=wall,
        parent_cpu_s=0.0,
        child_cpu_s=0.0,
        item_wait_s=WAIT_S,
        run=run,
        items=items,
        started_at_s=100.0,
    )


def host(*runs: CalibrationRun, **changes: object) -> HostProfile:
    facts = HostFacts("h", 2.0, 2, 1 << 34, "x86", "linux", "3.11.7", "1.13.0")
    found = HostProfile(
        facts,
        "sqlite",
        None,
        PreloadList(("m",)),
        runs,
        (),
        (),
        None,
        0,
        0.0,
        "2026-01-01T00:00:00",
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def serial_run(items: int) -> CalibrationRun:
    run = generated_run(items, replace(TRUE, server_start_s=0.0, boot_s=0.0))
    return replace(run, method="in_process")


@pytest.mark.parametrize("method", ["spawn", "warm_forkserver"])
def test_phases_of_a_run_give_the_coefficients_back(method: str) -> None:
    true = TRUE if method != "spawn" else replace(TRUE, server_start_s=0.0, exit_s=0.7, boot_s=1.2)
    found = fit_overhead(host(generated_run(4, true, method), serial_run(4))).multiprocess[method]
    for name in ("start_s", "server_start_s", "prepare_s", "load_s", "finish_s", "end_s"):
        assert getattr(found, name) == pytest.approx(getattr(true, name), abs=0.004), name
    assert found.boot_s + found.turn_s == pytest.approx(true.boot_s, abs=0.002)
    assert found.exit_s == pytest.approx(true.exit_s, abs=0.005)
    assert found.collect_input_s == pytest.approx(true.collect_input_s, rel=0.05)
    assert found.fan_out_output_s == pytest.approx(true.fan_out_output_s, rel=0.05)


def test_an_event_costs_what_a_stored_output_does_without_its_file() -> None:
    """An output is three events, one of them a line of the IO manager's, and a file."""
    files = (StorageSample(1_000, 0.003, 0.001),)
    calibrated = host(generated_run(4, TRUE), serial_run(4), storing=files)
    found = fit_overhead(calibrated)
    for overhead in (found.in_process, found.multiprocess["warm_forkserver"]):
        assert overhead.event_s == pytest.approx((0.015 - 0.003) / 3, rel=0.05)


def test_a_step_takes_of_the_parent_what_its_start_and_end_do_not_explain() -> None:
    run = generated_run(4, TRUE)
    busy = replace(run, parent_cpu_s=TRUE.start_s + TRUE.end_s + 6 * 0.024)
    found = fit_overhead(host(busy, serial_run(4))).multiprocess["warm_forkserver"]
    assert found.parent_step_s == pytest.approx(0.024)
    assert found.boot_s == pytest.approx(TRUE.boot_s - found.turn_s)
    assert found.exit_s == pytest.approx(TRUE.exit_s - 3 * found.turn_s)
    assert found.step_s == pytest.approx(
        TRUE.boot_s + TRUE.prepare_s + TRUE.load_s + TRUE.finish_s + TRUE.exit_s
    )


UNTIL_CALL_S = TRUE.boot_s + TRUE.prepare_s + TRUE.load_s


def test_what_a_step_did_not_compute_waits_for_the_storage() -> None:
    run = replace(generated_run(4, TRUE), step_cpu_s=0.25 * UNTIL_CALL_S, store_wait_s=0.01)
    found = fit_overhead(host(run, serial_run(4))).multiprocess["warm_forkserver"]
    assert found.wait_share == pytest.approx(0.75, abs=0.03)
    assert found.parent_wait_s == 0.01
    assert found.step_s == pytest.approx(TRUE.child_step_s, abs=0.005)
    crowded = replace(run, step_delay_s=0.25 * UNTIL_CALL_S)
    found = fit_overhead(host(crowded, serial_run(4))).multiprocess["warm_forkserver"]
    assert found.wait_share == pytest.approx(0.5, abs=0.03)


def test_a_calibration_under_a_quota_tells_what_whole_cores_would() -> None:
    """Half a core: what computes takes twice as long, and is not to be stretched once more."""
    names = [name for name in TRUE.__slots__ if name.endswith("_s")]
    throttled = replace(TRUE, **{name: 2 * getattr(TRUE, name) for name in names})
    run = replace(generated_run(4, throttled), step_cpu_s=UNTIL_CALL_S)
    facts = replace(host().facts, cpus=0.5)
    found = fit_overhead(host(run, serial_run(4), facts=facts)).multiprocess["warm_forkserver"]
    for name in ("prepare_s", "load_s", "finish_s", "exit_s"):
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), abs=0.006), name
    assert found.wait_share < 0.05


def test_runs_at_several_moments_are_averaged() -> None:
    slow = replace(TRUE, prepare_s=0.12)
    runs = [generated_run(4, TRUE), generated_run(4, slow), serial_run(4)]
    found = fit_overhead(host(*runs)).multiprocess["warm_forkserver"]
    assert found.prepare_s == pytest.approx(0.10, abs=0.002)


def test_the_command_line_imports_the_users_module_once_more() -> None:
    known = host(serial_run(4), cli_start_s=3.0)
    bare = fit_overhead(known).cli_start_s
    assert fit_overhead(replace(known, user_import_s=0.5)).cli_start_s == pytest.approx(bare + 0.5)


def test_lines_recover_seconds_a_byte_and_bookkeeping_an_item() -> None:
    storing = tuple(
        StorageSample(n, 0.001 + 2e-9 * n, 0.0005 + 1e-9 * n) for n in (10**3, 10**6, 10**7)
    )
    growth = tuple(PlanGrowth(n, 0.001 + 2e-5 * n, 1e-4 + 5e-7 * n) for n in (50, 400, 1600))
    found = fit_overhead(
        host(generated_run(3, TRUE), serial_run(4), storing=storing, plan_growth=growth)
    )
    assert found.store_byte_s == pytest.approx(2e-9, rel=0.02)
    assert found.load_byte_s == pytest.approx(1e-9, rel=0.02)
    overhead = found.multiprocess["warm_forkserver"]
    assert overhead.plan_item_s == pytest.approx(2e-5, rel=0.02)
    assert overhead.turn_item_s == pytest.approx(5e-7, rel=0.02)


def test_coefficients_are_never_negative() -> None:
    assert fit_line([(1.0, 5.0), (2.0, 3.0), (3.0, 1.0)])[1] == 0.0


def test_noise_grows_with_the_spread_of_like_runs() -> None:
    steady = [generated_run(4, TRUE) for _ in range(6)]
    shaky = [
        replace(run, wall_s=run.wall_s * factor)
        for run, factor in zip(steady, (0.7, 1.3) * 3, strict=True)
    ]
    assert noise_of(steady) < noise_of(shaky)


def test_the_noise_of_a_second_is_recovered_from_runs_of_any_length() -> None:
    rng = np.random.default_rng(3)
    for seconds in (0.5, 4.0):
        deviations = 0.1 / seconds**0.5 * rng.standard_normal(400)
        runs = [
            replace(
                generated_run(4, TRUE),
                wall_s=seconds * float(np.exp(deviation)) + 0.8,
                item_wait_s=0.2,
                items=4,
                parent_cpu_s=seconds / 4,
                child_cpu_s=seconds * 3 / 4,
            )
            for deviation in deviations
        ]
        assert noise_of(runs) == pytest.approx(0.1, rel=0.1)


def test_a_calibration_without_a_serial_run_is_refused() -> None:
    with pytest.raises(ValueError, match="no in-process run"):
        fit_overhead(host(generated_run(4, TRUE)))


@pytest.mark.parametrize("method", ["spawn", "forkserver", "warm_forkserver"])
@pytest.mark.parametrize(("module", "import_s"), [("light", 0.1), ("heavy", 1.5), (None, 0.0)])
def test_runs_with_another_module_count_as_if_they_had_imported_this_one(
    method: str, module: str | None, import_s: float
) -> None:
    in_step = method != "warm_forkserver"
    server_s, step_s = (0.0, 0.4) if in_step else (0.4, 0.0)
    base = replace(TRUE, server_start_s=0.0) if method == "spawn" else TRUE
    seen = replace(
        base, server_start_s=base.server_start_s + server_s, prepare_s=base.prepare_s + step_s
    )
    other = replace(generated_run(4, seen, method), server_import_s=server_s, step_import_s=step_s)
    found = fit_overhead(
        host(other, serial_run(4), user_module=module, user_import_s=import_s)
    ).multiprocess[method]
    in_steps = import_s if in_step else 0.0
    assert found.prepare_s == pytest.approx(TRUE.prepare_s + in_steps, abs=0.002)
    in_server = base.server_start_s + (0.0 if in_step else import_s)
    assert found.server_start_s == pytest.approx(in_server, abs=0.005)


def test_a_forkserver_that_preloads_the_module_imports_it_once() -> None:
    run = replace(
        generated_run(4, replace(TRUE, prepare_s=TRUE.prepare_s + 0.2), "forkserver"),
        step_import_s=0.2,
    )
    found = fit_overhead(host(run, serial_run(4), user_import_s=0.5, user_preloaded=True))
    overhead = found.multiprocess["forkserver"]
    assert overhead.prepare_s == pytest.approx(TRUE.prepare_s, abs=0.002)
    assert overhead.server_start_s == pytest.approx(TRUE.server_start_s + 0.5, abs=0.005)


@pytest.mark.parametrize("method", ["spawn", "forkserver", "warm_forkserver"])
def test_building_the_definitions_is_paid_in_every_step_and_when_a_run_starts(method: str) -> None:
    known = host(generated_run(4, TRUE, method), serial_run(4), cli_start_s=9.0)
    plain = fit_overhead(known)
    found = fit_overhead(replace(known, user_build_s=4.0, user_rebuild_s=3.0))
    of, plainly = found.multiprocess[method], plain.multiprocess[method]
    assert of.prepare_s == pytest.approx(plainly.prepare_s + 4.0 + 3.0)
    assert of.server_start_s == plainly.server_start_s
    assert of.start_s == pytest.approx(plainly.start_s + 3 * 3.0)
    assert found.in_process.start_s == pytest.approx(plain.in_process.start_s + 4 * 3.0)
    assert found.in_process.step_s == plain.in_process.step_s
    assert found.execute_in_process == plain.execute_in_process
    assert found.cli_start_s == pytest.approx(plain.cli_start_s + 4.0 + 2 * 3.0)


def test_imports_of_other_modules_are_no_drift() -> None:
    runs = [replace(generated_run(4, TRUE), started_at_s=float(at)) for at in range(6)]
    alike = noise_of(runs)
    heavier = [
        replace(run, wall_s=run.wall_s + 2.0, server_import_s=2.0) if at % 2 else run
        for at, run in enumerate(runs)
    ]
    assert noise_of(heavier) == pytest.approx(alike, rel=0.05)


def test_a_module_that_is_not_safe_to_preload_is_imported_by_every_step() -> None:
    unsafe = PreloadList(("m",), left_out={"mine": "starts a thread"})
    found = fit_overhead(
        host(
            generated_run(4, TRUE), serial_run(4), preload=unsafe, user_roots=("mine",),
            user_import_s=0.5,
        )
    ).multiprocess["warm_forkserver"]  # fmt: skip
    assert found.prepare_s == pytest.approx(TRUE.prepare_s + 0.5, abs=0.002)
    assert found.server_start_s == pytest.approx(TRUE.server_start_s, abs=0.005)


@pytest.mark.parametrize(
    "points",
    [
        [(1e3, 6e-4), (1e6, 1.2e-3), (1.6e7, 9e-3)],
        [(50, 1e-3), (400, 1.2e-2), (1600, 9e-2), (6400, 0.4)],  # the intercept would be negative
        [(1e3, 3e-3), (1e6, 2e-3), (1.6e7, 1e-3)],  # the slope would be
    ],
)
def test_a_line_is_that_of_non_negative_least_squares(points):
    from sklearn.linear_model import LinearRegression

    x, y = np.array([[1.0, x] for x, _ in points]), np.array([y for _, y in points])
    scale = x.max(axis=0)
    exact = LinearRegression(positive=True, fit_intercept=False)
    exact.fit(x / scale, y, sample_weight=1 / y**2)
    assert fit_line(points) == pytest.approx(tuple(exact.coef_ / scale), rel=1e-6, abs=1e-15)
