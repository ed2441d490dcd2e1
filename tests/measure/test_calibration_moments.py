"""What a run in process charges is looked at several times: a shared host's speed drifts."""

from __future__ import annotations

from dataclasses import replace

from factories import make_host_profile

from advisor.api import calibrating
from advisor.measure.calibration import passes
from advisor.measure.calibration.tiny_runs import TinyRuns


def test_a_whole_calibration_runs_in_process_at_three_moments(monkeypatch):
    made = make_host_profile()
    in_process = replace(made.runs[1], method="in_process")
    ran = []

    def run(_self, probe, _preload):
        ran.append(probe.method)
        return [replace(in_process, method=probe.method, started_at_s=100.0 + len(ran))]

    monkeypatch.setattr(TinyRuns, "run", run)
    for name in ("cpu_scaling", "claim_s", "cli_start_s", "process_start_s"):
        answer = () if name == "cpu_scaling" else 0.01
        monkeypatch.setattr(TinyRuns, name, lambda *_arguments, answer=answer: answer)
    host = replace(made, runs=(in_process,), unmeasured={})
    subject = calibrating.subject_of(None)

    whole = passes.completed(subject, host, budget_s=1000.0)
    assert (ran[0], ran[-1]) == ("in_process", "in_process")
    assert [one.method for one in whole.runs].count("in_process") == 3
    assert passes.completed(subject, whole, budget_s=1000.0) is whole
    assert passes.completed(subject, host, budget_s=0.0).runs == host.runs
