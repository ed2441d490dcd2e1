"""Each diagnosis: provoked by a run that has the trouble, silent on one that has not."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from factories import make_overhead
from observed_runs import make_observed, make_step

from advisor.api.analyze import AnalyzeOptions, analyze
from advisor.domain.analysis import Diagnosis
from advisor.domain.observed import ObservedRun
from advisor.history.run_analysis import analyze_run
from advisor.rules.rule import rules


def found(run: ObservedRun, overhead: Any = None) -> dict[str, Diagnosis]:
    diagnoses = analyze_run(run, overhead).diagnoses
    for diagnosis in diagnoses:
        looks = rules()[diagnosis.code].looks
        assert SequenceMatcher(None, looks, diagnosis.message).ratio() > 0.6, diagnosis.message
        if diagnosis.gain_s is not None:
            assert computed(diagnosis.formula) == pytest.approx(diagnosis.gain_s, rel=0.05, abs=0.1)
    return {diagnosis.kind: diagnosis for diagnosis in diagnoses}


def computed(formula: str) -> float:
    """What the numbers of a formula give; they are rounded."""
    numbers = re.match(r"[\d.() x/+-]+", formula.split(" = ")[1])
    assert numbers
    return float(eval(numbers[0].rstrip(" (").replace("x", "*")))


def with_errors(run: ObservedRun, *errors: str) -> ObservedRun:
    steps = list(run.steps)
    for index, error in enumerate(errors, start=1):
        steps[index] = replace(steps[index], status="failure", error=error)
    return replace(run, steps=tuple(steps))


def test_long_items_in_parallel_have_nothing_against_them() -> None:
    assert found(make_observed([60.0] * 8, slots=4, launch_s=0.1)) == {}


def test_parallel_slower_than_expected() -> None:
    run = make_observed([0.1] * 8, slots=2, launch_s=1.2)
    diagnosis = found(run)["parallel-slower-than-expected"]
    # At most: all but the items' own code, of which an event of 4 ms is no part.
    assert diagnosis.gain_s == pytest.approx(run.end_s - 8 * 0.096, abs=0.01)
    assert diagnosis.at_most
    exact = found(run, make_overhead())["parallel-slower-than-expected"]
    assert not exact.at_most
    assert exact.gain_s < diagnosis.gain_s


def test_sequential_unexpectedly_slow() -> None:
    run = make_observed([2.0] * 10, slots=1, launch_s=None, executor="in_process")
    diagnosis = found(run)["sequential-unexpectedly-slow"]
    # At most: two at once in one step, which needs no load, store and events an item.
    assert diagnosis.gain_s == pytest.approx(run.end_s - 10.0, abs=0.05)
    assert "threads" in diagnosis.remedy


def test_imports_dominate_launch() -> None:
    run = make_observed([0.5] * 10, slots=2, launch_s=2.0)
    diagnosis = found(run)["imports-dominate-launch"]
    # Ten mapped steps in two slots, and the two plain ones; a spawned child also has to end.
    assert diagnosis.gain_s == pytest.approx((10 / 2 + 2) * (2.05 + 0.05))
    assert "preload_modules" in diagnosis.remedy
    calibrated = found(run, make_overhead())["imports-dominate-launch"]
    assert calibrated.gain_s < diagnosis.gain_s


def test_launches_that_compete_are_told_from_slow_imports() -> None:
    run = make_observed([0.5] * 12, slots=6, launch_s=2.0, start_method="forkserver")
    alone = make_step("collect", run.steps[-1].worker_starting_s, launch_s=0.2, inputs=12)
    run = replace(run, steps=(*run.steps[:-1], alone), preload_modules=("sqlalchemy",))
    kinds = found(run)
    assert "imports-dominate-launch" not in kinds
    assert "0.25 s alone" in kinds["launches-compete-for-cpu"].message


def test_pods_that_start_longer_than_they_work() -> None:
    run = make_observed([0.5] * 40, slots=4, launch_s=20.0, executor="k8s")
    diagnosis = found(run)["pod-start-dominates"]
    assert diagnosis.gain_s is not None
    assert diagnosis.gain_s > 100
    assert "10 items" in diagnosis.remedy


def test_many_tiny_steps() -> None:
    run = make_observed([0.002] * 60, slots=1, launch_s=None, executor="in_process", tail_s=0.01)
    diagnosis = found(run)["many-tiny-steps"]
    assert "batches" in diagnosis.remedy
    assert 60 * 0.05 < diagnosis.gain_s <= run.end_s  # the fan-out's and collect's share too


def test_slot_refill_lag() -> None:
    run = make_observed([0.3] * 80, slots=16, launch_s=0.1, tail_s=1.0)
    diagnosis = found(in_waves(run))["slot-refill-lag"]
    assert "3.6 s" in " ".join(diagnosis.evidence)  # 12 x 15 x 20 ms
    assert "max_concurrent" in diagnosis.remedy


def in_waves(run: ObservedRun) -> ObservedRun:
    """The same run in waves of 16: a freed slot is filled about 2 s later."""
    steps = [run.steps[0]]
    base = run.steps[0].end_s + 0.1
    for index in range(80):
        wave, lane = divmod(index, 16)
        steps.append(
            make_step(
                f"work[k{index}]",
                base + wave * 2.6 + lane * 0.12,
                launch_s=0.1,
                work_s=0.3,
            )
        )
    end = max(step.end_s for step in steps) + 0.2
    steps.append(make_step("collect", end, launch_s=0.1, inputs=80))
    return replace(run, steps=tuple(steps), end_s=end + 1.0)


def test_delegating_executors_poll() -> None:
    run = make_observed([2.0] * 30, slots=3, launch_s=1.0, tail_s=1.5, executor="k8s")
    diagnosis = found(run)["slot-refill-lag"]
    assert "polls" in " ".join(diagnosis.evidence)


def test_a_fan_out_that_holds_everything_back() -> None:
    slow_outputs = found(make_observed([0.5] * 20, slots=4, fan_out_s=30.0))
    assert "fewer outputs" in slow_outputs["fan-out-holds-everything-back"].remedy
    slow_start = make_observed([0.5] * 20, slots=4, fan_out_s=30.0, first_output_s=29.0)
    assert "keys or paths" in found(slow_start)["fan-out-holds-everything-back"].remedy


def test_a_slow_fan_out_costs_nothing_more_where_one_step_runs_at_a_time() -> None:
    run = make_observed([0.5] * 20, slots=1, fan_out_s=30.0, executor="in_process", launch_s=None)
    diagnosis = found(run)["fan-out-holds-everything-back"]
    assert (diagnosis.severity, diagnosis.gain_s) == ("note", None)


def test_stragglers() -> None:
    run = make_observed([1.0] * 15 + [20.0], slots=4, launch_s=0.1)
    diagnosis = found(run)["stragglers"]
    assert "work[k15]" in diagnosis.message
    assert diagnosis.gain_s == pytest.approx(20 * 3 / 4, rel=0.15)
    assert "stragglers" not in found(make_observed([1.0] * 16, slots=4, launch_s=0.1))


def test_slots_that_never_work_together() -> None:
    steps = [make_step("fan_out", 0.0, outputs=8)]
    steps += [make_step(f"work[k{i}]", 2.0 + i * 0.7, launch_s=2.0, work_s=0.3) for i in range(8)]
    run = replace(make_observed([0.3] * 8, slots=4), steps=tuple(steps), end_s=12.0)
    assert "4" in found(run)["not-really-parallel"].message


def test_pool_waits() -> None:
    run = make_observed([0.5] * 6, slots=2, launch_s=0.1)
    waits = {"work[k2]": 3.0, "work[k3]": 1.0}
    run = replace(run, pool_waits_s=waits, end_s=run.end_s + 3.0)
    diagnosis = found(run)["pool-waits"]
    assert diagnosis.gain_s == pytest.approx(3.0)  # the last to wait may have waited alone
    assert "work[k2]" in diagnosis.evidence[0]
    run = replace(run, pool_waits_s={f"work[k{index}]": 2.0 for index in range(4)})
    assert found(run)["pool-waits"].gain_s == pytest.approx(8.0 / 2)


def test_retries_cost_their_slot_time() -> None:
    run = make_observed([5.0] * 4, slots=2, launch_s=0.1)
    failed = replace(run.steps[1], status="up_for_retry", error="TimeoutError: slow")
    again = make_step("work[k0]", run.end_s, work_s=5.0, launch_s=0.1, attempt=2)
    run = replace(run, steps=(run.steps[0], failed, *run.steps[2:], again), end_s=again.end_s)
    diagnosis = found(run)["retries"]
    assert diagnosis.gain_s == pytest.approx((failed.end_s - failed.worker_starting_s) / 2)
    assert any("TimeoutError" in line for line in diagnosis.evidence)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("child process for step work[k0] was terminated by signal 9 (SIGKILL).", "memory"),
        ("MemoryError: Unable to allocate 3.2 GiB", "memory"),
        ("unexpectedly exited with code 137.", "memory"),
        (
            "psycopg2.OperationalError: FATAL: remaining connection slots are reserved",
            "connections",
        ),
        (
            "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached",
            "connections",
        ),
        ("sqlite3.OperationalError: database is locked", "sqlite-locking"),
        ("ValueError: no such segment", "failures"),
    ],
)
def test_failures_are_told_by_their_errors(error: str, kind: str) -> None:
    run = with_errors(make_observed([5.0] * 6, slots=3, launch_s=0.1), error, error)
    kinds = found(run)
    assert kind in kinds
    others = {"memory", "connections", "sqlite-locking", "failures"} - {kind}
    assert not others & set(kinds)
    assert any("and 1 more" in line for line in kinds[kind].evidence)


def test_failures_come_first_and_every_gain_has_its_formula() -> None:
    run = with_errors(make_observed([0.1] * 12, slots=4, launch_s=2.0), "MemoryError")
    diagnoses = analyze_run(run).diagnoses
    assert diagnoses[0].kind == "memory"
    assert len(diagnoses) > 2
    for diagnosis in diagnoses:
        assert diagnosis.remedy
        assert diagnosis.evidence
        assert (diagnosis.gain_s is None) == (diagnosis.formula == "")


def test_real_runs_show_their_troubles(real_home: Path, tmp_path: Path) -> None:
    def kinds(job: str) -> set[str]:
        request = AnalyzeOptions(instance=real_home, job=job, profiles_dir=tmp_path)
        return {diagnosis.kind for diagnosis in analyze(request).runs[0].diagnoses}

    assert {"memory", "retries", "imports-dominate-launch"} <= kinds("mishaps")
    assert "sqlite-locking" in kinds("locked")
    assert "pool-waits" in kinds("pools")
