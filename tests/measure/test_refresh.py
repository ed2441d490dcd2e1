from __future__ import annotations

from dataclasses import replace

from factories import make_host_profile

from advisor.api.calibrating import subject_of
from advisor.measure import calibration


def test_a_method_that_the_last_look_had_no_time_for_comes_first(monkeypatch) -> None:
    tried: list[str] = []

    def run(_session, probe, _preload):
        tried.append(probe.method)
        return []

    monkeypatch.setattr(calibration._Session, "run", run)
    monkeypatch.setattr(calibration._Session, "cpu_scaling", lambda _session: ())
    made = make_host_profile()
    any_run = made.runs[0]
    order = ("forkserver", "spawn", "warm_forkserver", "execute_in_process", "in_process")
    runs = tuple(replace(any_run, method=m, started_at_s=100.0 + n) for n, m in enumerate(order))
    calibration.refresh(subject_of(None), replace(made, runs=runs), budget_s=600.0)
    assert tuple(tried) == order
