"""What is known of a host is shared by the user's modules; timing is replaced by made-up runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from factories import make_host_profile

from advisor.api import calibrating
from advisor.api import host_calibration as host_calibrations
from advisor.api.host_calibration import host_calibration
from advisor.domain.errors import TargetError
from advisor.domain.host import HostProfile, PreloadList
from advisor.domain.options import WorkloadOptions
from advisor.domain.workload import TargetReference
from advisor.measure import calibration
from advisor.measure.budget import Budget
from advisor.measure.calibration import starts_are_known
from advisor.measure.progress import silent
from advisor.measure.workload.children import CutOffError
from advisor.model.estimated_methods import at_best
from advisor.model.fit import fit_overhead

NOW = "2099-01-01T00:00:00+00:00"


class Measured:
    """Stands in for the measuring, and counts it."""

    def __init__(self, *, alike: bool = True) -> None:
        self.alike = alike
        self.full: list[str | None] = []
        self.adapted: list[str | None] = []
        self.moment = 0.0
        self.first_looks = 0

    def _host(self, subject: calibration.CalibrationSubject, import_s: float) -> HostProfile:
        self.moment += 1.0
        made = make_host_profile()
        module = subject.user_module
        own = (module,) if module else ()
        return replace(
            made,
            facts=subject.facts,
            user_module=module,
            calibrated_at=NOW,
            runs=tuple(
                replace(run, started_at_s=self.moment + i / 10) for i, run in enumerate(made.runs)
            ),
            preload=replace(made.preload, modules=("sqlalchemy", *own), left_out={}),
            user_roots=own,
            user_import_s=import_s,
            user_rss_bytes=1000,
            base_rss_bytes=50_000,
        )

    def calibrate(self, subject, *, starts=True, **_options):
        if not starts:
            self.first_looks += 1
            host = self._host(subject, 0.0)
            serial = (replace(host.runs[1], method="in_process"),)
            return replace(host, runs=serial, preload=PreloadList(()), python_start_s=2.0)
        self.full.append(subject.user_module)
        return self._host(subject, 0.2 if subject.target else 0.0)

    def for_module(self, subject, shared, **_options):
        self.adapted.append(subject.user_module)
        assert shared.user_module is None
        assert not shared.user_roots
        assert shared.preload.modules == (("sqlalchemy",) if starts_are_known(shared) else ())
        if not self.alike:
            return None
        found = self._host(subject, 0.5)
        return replace(found, runs=(*shared.runs, *found.runs[:1]))


@pytest.fixture
def measured(tmp_path, monkeypatch):
    return installed(Measured(), tmp_path, monkeypatch)


def installed(stub, tmp_path, monkeypatch):
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(calibration, "calibrate", stub.calibrate)
    monkeypatch.setattr(calibration, "for_module", stub.for_module)
    return stub


def subject(module: str | None) -> calibration.CalibrationSubject:
    target = TargetReference(f"{module}:job", module, None, "job", None, ".") if module else None
    return calibrating.subject_of(target)


def host_for(module: str | None, *, recalibrate: bool = False) -> HostProfile:
    return calibrating.calibrated_host(subject(module), recalibrate=recalibrate, progress=silent)


def test_a_second_module_is_not_measured_from_nothing(measured):
    assert calibrating.calibration_s(subject("first")) == calibrating.FIRST_S + calibrating.MODULE_S
    first = host_for("first")
    assert calibrating.calibration_s(subject("second")) == calibrating.MODULE_S
    second = host_for("second")
    assert measured.full == ["first"]
    assert measured.adapted == ["second"]
    assert second.preload.modules == ("sqlalchemy", "second")
    assert {run.started_at_s for run in first.runs} < {run.started_at_s for run in second.runs}
    assert calibrating.calibration_s(subject("second")) == 0.0


@pytest.mark.parametrize(("rebuild_s", "is_known"), [(0.01, False), (4.0, True)])
def test_a_module_whose_definitions_are_built_anew_is_measured_before_the_first_answer(
    measured, rebuild_s, is_known
):
    host_for("first")
    host = host_calibration(
        subject("second"),
        Budget(60.0),
        silent,
        recalibrate=False,
        loading_s=1.0,
        rebuild_s=rebuild_s,
    )
    assert host.module_is_known is is_known
    assert measured.adapted == (["second"] if is_known else [])


def host_of_profile(module: str, loading_s: float):
    asked = subject(module)
    return host_calibration(
        asked, Budget(60.0), silent, recalibrate=False, loading_s=loading_s, rebuild_s=0.0
    )


def test_of_a_host_that_is_not_known_a_run_in_process_is_enough_for_a_first_answer(measured):
    host = host_of_profile("first", 0.001)
    assert (measured.first_looks, measured.full, measured.adapted) == (1, [], [])
    assert set(host.overhead.estimated) == {"spawn", "forkserver", "warm_forkserver"}
    (steps,) = host.open_parts(("in_process",))
    steps.run()
    assert measured.adapted == ["first"]
    assert "warm_forkserver" not in host.overhead.estimated
    assert host_of_profile("second", 0.2).module_is_known is False
    assert measured.first_looks == 1


def test_calibrate_completes_what_a_first_profile_left_out(measured):
    host_of_profile("first", 0.001)
    assert host_for(None).preload.modules == ("sqlalchemy",)
    assert measured.adapted == [None]


@pytest.mark.parametrize(("loading_s", "needs_a_run"), [(0.02, False), (0.2, True)])
def test_each_step_imports_a_module_by_itself_until_it_is_known_to_be_safe_to_preload(
    measured, loading_s, needs_a_run
):
    """Steps of a module that took 0.17 s to import came out 0.2 to 0.35 s each too short."""
    host_for("first")
    host = host_of_profile("second", loading_s)
    assert host.module_is_known is not needs_a_run
    assert measured.adapted == []
    known = calibrating.cached(subject(None))
    steps = fit_overhead(known).multiprocess["warm_forkserver"].prepare_s
    charged = host.overhead.multiprocess["warm_forkserver"]
    assert charged.prepare_s == pytest.approx(steps + loading_s)
    assert at_best(charged, import_s=loading_s, roughly=False).prepare_s == pytest.approx(steps)
    assert "second" not in host.profile.preload.modules


@pytest.mark.parametrize(
    ("loading_s", "rebuild_s", "in_process_s"), [(4.0, 0.01, 0.04), (4.2, 4.0, 16.0)]
)
def test_a_module_that_is_not_measured_yet_charges_what_loading_it_took(
    measured, monkeypatch, loading_s, rebuild_s, in_process_s
):
    """Eight steps that load for 4 s each were predicted as if they loaded in no time."""

    def cut_off(*_arguments: object, **_options: object):
        raise CutOffError

    host_for("first")
    monkeypatch.setattr(host_calibrations, "calibrated_host", cut_off)

    def overhead(loading_s: float, rebuild_s: float):
        host = host_calibration(
            subject("slow"),
            Budget(60.0),
            silent,
            recalibrate=False,
            loading_s=loading_s,
            rebuild_s=rebuild_s,
        )
        assert not host.module_is_known
        return host.overhead

    slow, other = overhead(loading_s, rebuild_s), overhead(1.0, 0.0)
    steps_s = [
        each.multiprocess["spawn"].boot_s + each.multiprocess["spawn"].prepare_s
        for each in (slow, other)
    ]
    loads_s = loading_s + rebuild_s  # a step builds twice; spawn itself is only estimated here
    assert steps_s[0] - steps_s[1] == pytest.approx(loads_s - 1.0, rel=0.15)
    assert slow.in_process.start_s - other.in_process.start_s == pytest.approx(in_process_s)


def test_what_a_second_module_measured_helps_the_first(measured):
    host_for("first")
    second = host_for("second")
    again = host_for("first")
    assert measured.full == ["first"]
    assert len(again.runs) == len(second.runs)
    assert again.user_module == "first"


def test_the_host_alone_is_known_after_any_module(measured):
    host_for("first")
    alone = host_for(None)
    assert measured.full == ["first"]
    assert alone.user_module is None
    assert alone.preload.modules == ("sqlalchemy",)
    assert alone.base_rss_bytes == 49_000


def test_recalibrating_measures_all_again(measured):
    host_for("first")
    host_for("first", recalibrate=True)
    assert measured.full == ["first", "first"]


def test_a_module_whose_steps_are_unlike_the_others_is_measured_in_full(tmp_path, monkeypatch):
    stub = installed(Measured(alike=False), tmp_path, monkeypatch)
    host_for("first")
    host_for("odd")
    assert stub.full == ["first", "odd"]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("module", "is_read"), [("first", False), (None, True)])
def test_an_older_calibration_is_read_where_no_module_was_in_it(
    measured, module, is_read, version, tmp_path
):
    host_for(module)
    for path in (tmp_path / "hosts").iterdir():
        document = json.loads(path.read_text())
        if document["host"]["user_module"] != module:
            path.unlink()
            continue
        for name in ("user_import_s", "user_rss_bytes", "user_roots"):
            del document["host"][name]
        path.write_text(json.dumps({**document, "version": version}))
    told: list[str] = []
    calibrating.calibrated_host(
        subject(module),
        recalibrate=False,
        progress=lambda message, _share: told.append(message),
    )
    assert measured.full == ([module] if is_read else [module, module])
    assert is_read or "another version" in told[0]


def test_a_target_that_cannot_be_imported_is_an_error_before_anything_is_measured(
    measured, tmp_path
):
    (tmp_path / "torn.py").write_text("import not_there_at_all\n")
    for target, said in (("absent_module:x", "no module"), ("torn:x", "not_there_at_all")):
        options = WorkloadOptions(target, working_directory=tmp_path)
        with pytest.raises(TargetError, match=said):
            calibrating.calibrate_host(options)
    assert not measured.full
