"""More runs of a calibrated host: of what method, in what order."""

from __future__ import annotations

from dataclasses import replace

from factories import make_host_profile

from advisor.api.calibrating import subject_of
from advisor.api.host_calibration import HostCalibration
from advisor.domain.stopping import MODULE, PartKind, Unknown
from advisor.measure.budget import Budget
from advisor.measure.progress import silent


def test_another_look_begins_with_what_was_not_seen_for_longest():
    made = make_host_profile()
    order = ("forkserver", "spawn", "warm_forkserver", "execute_in_process", "in_process")
    runs = tuple(
        replace(made.runs[0], method=method, started_at_s=100.0 + place)
        for place, method in enumerate(order)
    )
    host = HostCalibration(subject_of(None), replace(made, runs=runs), Budget(60.0), silent)
    assert [part.tells.method for part in host.open_parts(order)] == list(order)
    assert [part.tells.method for part in host.open_parts(("spawn",))] == ["spawn"]


def test_a_further_module_is_measured_only_where_its_steps_could_win():
    host = HostCalibration(
        subject_of(None), make_host_profile(), Budget(60.0), silent, module_is_known=False
    )
    assert "warm_forkserver" in host.overhead.estimated
    (part,) = host.open_parts(("in_process",))
    assert part.tells == Unknown(PartKind.METHOD, method=MODULE)
