"""Runs that end otherwise than they should: crashes, processes that stay, skipped steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observed_runs import make_observed, make_step

from advisor.domain.analysis import Diagnosis
from advisor.domain.observed import ObservedRun
from advisor.history.run_analysis import analyze_run

CHILD = "Multiprocess executor: child process for step work[k0]"


def found(run: ObservedRun) -> dict[str, Diagnosis]:
    return {diagnosis.code: diagnosis for diagnosis in analyze_run(run).diagnoses}


def failed(run: ObservedRun, error: str) -> ObservedRun:
    steps = list(run.steps)
    steps[1] = replace(steps[1], status="failure", error=error)
    return replace(run, steps=tuple(steps), status="failure")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (f"{CHILD} was terminated by signal 11 (SIGSEGV).", "RUN017"),
        (f"{CHILD} was terminated by signal 7 (SIGBUS).", "RUN017"),
        (f"{CHILD} was terminated by signal 6 (SIGABRT).", "RUN017"),
        (f"{CHILD} unexpectedly exited with code 3.", "RUN017"),
        (f"{CHILD} was terminated by signal 9 (SIGKILL).", "RUN012"),
        (f"{CHILD} unexpectedly exited with code 137.", "RUN012"),
        ("RuntimeError: the converter ended with exit code 2", "RUN015"),
    ],
)
def test_a_crash_is_neither_memory_nor_an_exception(error: str, code: str) -> None:
    diagnoses = found(failed(make_observed([0.1] * 8, slots=2, launch_s=1.2), error))

    assert {"RUN012", "RUN015", "RUN017"} & set(diagnoses) == {code}
    if code == "RUN017":
        assert diagnoses[code].severity == "error"
        assert "native library" in diagnoses[code].remedy
        assert not any("Run it in one process" in each.remedy for each in diagnoses.values())


def test_no_gain_exceeds_the_run() -> None:
    """Four plain steps whose launches overlapped: their sum is longer than the run."""
    run = make_observed([0.1] * 4, slots=2, launch_s=10.0)
    plain = [make_step(f"other_{n}", 0.1, launch_s=20.0, work_s=0.1) for n in range(4)]
    run = replace(run, steps=(*run.steps, *plain), max_concurrent=8)

    for diagnosis in analyze_run(run).diagnoses:
        assert diagnosis.gain_s is None or diagnosis.gain_s < run.end_s
    capped = found(run)["RUN003"]
    assert capped.at_most
    assert capped.formula.startswith("makespan - own code / slots = ")


def test_a_process_that_stays_after_its_success_is_seen() -> None:
    """The collecting step is launched when the last mapped step's process has gone, 9 s later."""
    run = make_observed([0.5] * 4, slots=2, launch_s=0.2)
    before = run.steps[:-1]
    last_s = max(step.end_s for step in before)
    late = make_step("collect", last_s + 0.05, launch_s=9.2, work_s=0.001)
    held = replace(run, steps=(*before, late), end_s=late.end_s + 0.1)

    diagnosis = found(held)["RUN018"]
    assert diagnosis.gain_s == pytest.approx(9.0, abs=0.3)
    assert "steps of work had succeeded" in diagnosis.message
    assert "RUN018" not in found(run)
    assert "RUN018" not in found(make_observed([0.5] * 12, slots=1, launch_s=1.1, tail_s=0.7))


def test_a_run_that_stands_still_after_its_last_success_is_seen() -> None:
    run = make_observed([0.5] * 4, slots=2, launch_s=0.2)
    held = replace(run, end_s=run.end_s + 30.0)

    assert "steps of collect had succeeded" in found(held)["RUN018"].message


def test_steps_that_were_planned_and_did_not_run_are_counted() -> None:
    run = make_observed([5.0] * 4, slots=2, launch_s=0.1)
    never = tuple(
        replace(make_step(f"inner[k{n}]", 9.0), status="skipped", start_s=None) for n in range(4)
    )
    some = replace(never[0], step_key="work[k9]", op="work")
    counted = found(replace(run, steps=(*run.steps, *never)))["RUN019"]
    branch = found(replace(run, steps=(*run.steps, some)))["RUN019"]

    assert counted.message == "10 steps were planned, 6 ran, none of inner."
    assert (counted.severity, branch.severity) == ("warning", "note")
    assert "RUN019" not in found(run)
