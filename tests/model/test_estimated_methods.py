"""Methods that a calibration did not run are estimated: shown, advised only once they were run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    make_host_profile,
    make_multiprocess_overhead,
    make_overhead,
    make_saved_profile,
)

from advisor.api.recommend import advise, searched
from advisor.domain.host import PreloadList
from advisor.domain.measured import Calibration
from advisor.domain.options import AdviseOptions
from advisor.domain.stopping import PartKind, Unknown
from advisor.model.estimated_methods import estimated_methods
from advisor.model.fit import fit_overhead
from advisor.model.stopping import next_unknown, stakes_of
from advisor.render.host import host_document
from advisor.render.terminal import to_text

ASKED = AdviseOptions()


def search(measured):
    return searched(measured, ASKED)


def measured_without_spawn():
    overhead = replace(make_overhead(), estimated=("spawn", "forkserver"))
    return replace(make_saved_profile(), overhead=overhead, verifications=())


def test_a_spawned_step_imports_what_the_warm_forkserver_imports_once():
    warm = make_multiprocess_overhead(server_start_s=2.0, boot_s=0.1, exit_s=0.05)
    found = estimated_methods({"warm_forkserver": warm}, failed=("forkserver",))
    assert list(found) == ["spawn"]
    assert found["spawn"].boot_s == 0.1 + 0.95 * 2.0
    assert found["spawn"].server_start_s == 0.0


def test_a_run_in_process_alone_is_enough_to_tell_roughly_how_it_runs_now():
    run = replace(make_host_profile().runs[1], method="in_process")
    host = make_host_profile(runs=(run,), python_start_s=3.0, preload=PreloadList(()))
    measured = replace(
        make_saved_profile(), host=host, overhead=fit_overhead(host), verifications=()
    )
    assert set(measured.overhead.estimated) == {"spawn", "forkserver", "warm_forkserver"}
    advice = advise(measured, ASKED, snippets=False)
    assert advice.now.candidate.start_method == "spawn"
    assert advice.now.makespan_s.high > 2.5 * advice.now.makespan_s.low
    assert advice.recommendation.candidate.executor == "in_process"


def test_a_run_in_process_alone_is_no_reason_to_leave_out_what_loading_costs_in_each_step():
    run = replace(make_host_profile().runs[1], method="in_process")
    host = make_host_profile(runs=(run,), python_start_s=3.0, preload=PreloadList(()))
    module = PreloadList((), {"shop.definitions": "nobody looked"})
    loading = replace(
        host,
        user_import_s=5.0,
        user_build_s=4.0,
        user_rebuild_s=4.0,
        user_roots=("shop.definitions",),
        preload=module,
    )
    bare, loaded = fit_overhead(host).multiprocess, fit_overhead(loading).multiprocess
    for method in ("spawn", "forkserver", "warm_forkserver"):
        assert loaded[method].prepare_s - bare[method].prepare_s == pytest.approx(5.0 + 2 * 4.0)
        assert loaded[method].start_s - bare[method].start_s == pytest.approx(3 * 4.0)


def test_an_estimated_method_is_compared_with_and_said_so():
    advice = advise(measured_without_spawn(), ASKED, snippets=False)
    assert advice.default is not None
    assert advice.default.candidate.start_method == "spawn"
    assert any("spawn was not run with this code" in note for note in advice.notes)
    spawned = {w.candidate for w in advice.candidates if w.candidate.start_method == "spawn"}
    assert {replace(way, launch="execute_job") for way in spawned} == {advice.default.candidate}


def test_the_hosts_table_says_which_columns_are_estimated():
    measured = measured_without_spawn()
    text = to_text(host_document(Calibration(measured.host, measured.overhead)))
    assert "estimated from the run of forkserver with preload: spawn, forkserver." in " ".join(
        text.split()
    )


def test_it_is_run_only_where_it_could_win():
    measured = measured_without_spawn()
    spawn = Unknown(PartKind.METHOD, method="spawn")
    stakes = stakes_of(measured, search(measured), [spawn], search, ASKED)
    assert next_unknown(stakes, dict.fromkeys(stakes.gains_s, 2.0)) is None
    cheap = make_multiprocess_overhead(server_start_s=0.0)
    methods = {**measured.overhead.multiprocess, "spawn": cheap}
    measured = replace(measured, overhead=replace(measured.overhead, multiprocess=methods))
    stakes = stakes_of(measured, search(measured), [spawn], search, ASKED)
    assert stakes.gains_s[spawn] > 0
