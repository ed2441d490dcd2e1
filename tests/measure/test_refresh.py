from __future__ import annotations

from dataclasses import replace

from factories import make_host_profile

from advisor.api.calibrating import subject_of
from advisor.measure import calibration
from advisor.measure.calibration.tiny_runs import TinyRuns


def test_another_look_begins_with_what_was_not_seen_for_longest(monkeypatch) -> None:
    tried: list[str] = []

    def run(_session, probe, _preload):
        tried.append(probe.method)
        return []

    monkeypatch.setattr(TinyRuns, "run", run)
    monkeypatch.setattr(TinyRuns, "cpu_scaling", lambda _session: ())
    monkeypatch.setattr(TinyRuns, "cli_start_s", lambda _session: 3.0)
    made = make_host_profile()
    any_run = made.runs[0]
    order = ("forkserver", "spawn", "warm_forkserver", "execute_in_process", "in_process")
    runs = tuple(replace(any_run, method=m, started_at_s=100.0 + n) for n, m in enumerate(order))
    known = replace(made, runs=runs, cli_start_s=2.0)
    found = calibration.refresh(subject_of(None), known, budget_s=600.0)
    assert tuple(tried) == order
    assert found.cli_start_s == 2.5  # both moments count
