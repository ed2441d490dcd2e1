"""The model against real runs recorded on a 2-core machine: CI guards accuracy, timing nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from ablation import JOIN, MECHANISMS, without
from baseline import closed_form_s
from pydantic import TypeAdapter

from advisor.domain.candidate import Candidate
from advisor.domain.host import CalibrationRun, HostFacts, HostProfile, PreloadList
from advisor.domain.item_sample import ItemSample
from advisor.domain.workload import OpProfile, WorkloadProfile
from advisor.model.contention import Contention
from advisor.model.fit import fit_overhead
from advisor.model.items import items_of
from advisor.model.prediction import Predictor
from advisor.model.setting import Machine, Setting

RECORDED = json.loads((Path(__file__).parent / "fixtures" / "two_core_runs.json").read_text())


def recorded_host() -> HostProfile:
    runs = TypeAdapter(tuple[CalibrationRun, ...]).validate_python(RECORDED["calibration"])
    facts = HostFacts("host", 2.0, 2, 24 << 30, "x86", "linux", "3.11.7", "1.13.29")
    return HostProfile(
        facts=facts,
        storage="sqlite",
        user_module=None,
        preload=PreloadList(("warm",)),
        runs=runs,
        storing=(),
        cpu_scaling=(),
        cli_start_s=None,
        base_rss_bytes=100 << 20,
        cost_s=0.0,
        calibrated_at="2026-11-22T10:00:00+00:00",
    )


def workload(name: str) -> WorkloadProfile:
    spec = RECORDED["workloads"][name]
    cpu, wait = spec["cpu_s"], spec["wait_s"]
    calls = []
    for item in range(spec["items"]):
        used, slept = cpu[item % len(cpu)], wait[item % len(wait)]
        calls.append(ItemSample(item, None, used + slept, used, 0, 5, 5))
    return WorkloadProfile(spec["items"], (OpProfile("work", (), (), tuple(calls)),))


def candidate(method: str, max_concurrent: int) -> Candidate:
    if method == "in_process":
        return Candidate("execute_job", "in_process")
    if method == "spawn":
        return Candidate("execute_job", "multiprocess", "spawn", (), max_concurrent)
    preload = ("warm",) if method == "warm_forkserver" else ()
    return Candidate("execute_job", "multiprocess", "forkserver", preload, max_concurrent)


def cases() -> Iterator[tuple[Candidate, Setting, float]]:
    """Each recorded way, its setting, and the seconds that it really took."""
    overhead = fit_overhead(recorded_host())
    for run in RECORDED["runs"]:
        items = items_of(workload(run["workload"]))
        setting = Setting(
            items=items,
            contention=Contention(1.0),
            overhead=overhead,
            machine=Machine(2.0, 24 << 30),
        )
        yield candidate(run["method"], run["max_concurrent"]), setting, fmean(run["wall_s"])


def errors(mechanism: str | None = None) -> np.ndarray:
    """Relative errors of the predictions, without one of the simulator's mechanisms."""
    found = []
    for way, setting, real_s in cases():
        with without(mechanism, setting) if mechanism else nullcontext(setting) as changed:
            found.append(Predictor(changed).estimate(way).makespan_s / real_s - 1.0)
    return np.array(found)


def test_the_simulator_earns_its_keep_against_a_closed_form_on_the_same_coefficients() -> None:
    closed = np.abs([closed_form_s(way, setting) / real_s - 1 for way, setting, real_s in cases()])
    assert np.median(closed) <= 0.10  # a fair rival
    assert np.median(np.abs(errors())) < np.median(closed)


def test_the_makespan_is_within_the_published_goals() -> None:
    found = np.abs(errors())
    assert len(found) >= 40
    assert np.median(found) <= 0.05
    assert np.quantile(found, 0.9) <= 0.12


def test_the_model_is_not_biased() -> None:
    assert abs(np.mean(errors())) <= 0.03


@pytest.mark.parametrize(
    "mechanism",
    ["CPU sharing among runnable processes", JOIN, "forkserver's first start"],
)
def test_each_large_mechanism_is_needed(mechanism: str) -> None:
    whole = np.median(np.abs(errors()))
    without = np.median(np.abs(errors(mechanism)))
    assert without > 1.3 * whole


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_of_the_ablation_can_be_switched_off(mechanism: str) -> None:
    way, setting, _ = next(case for case in cases() if case[0].executor == "multiprocess")
    with without(mechanism, setting) as changed:
        assert Predictor(changed).estimate(way).makespan_s > 0
