"""More runs of a calibrated host: of what method, in what order."""

from __future__ import annotations

from dataclasses import replace

from factories import make_host_profile

from advisor.api.calibrating import HostCalibration, subject_of


def test_another_look_begins_with_what_was_not_seen_for_longest():
    made = make_host_profile()
    order = ("forkserver", "spawn", "warm_forkserver", "execute_in_process", "in_process")
    runs = tuple(
        replace(made.runs[0], method=method, started_at_s=100.0 + place)
        for place, method in enumerate(order)
    )
    host = HostCalibration(subject_of(None), replace(made, runs=runs))
    assert [part.tells.method for part in host.open_parts(order)] == list(order)
    assert [part.tells.method for part in host.open_parts(("spawn",))] == ["spawn"]
