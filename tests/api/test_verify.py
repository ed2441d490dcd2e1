"""What `verify` is asked, what it plans, and real runs of a job of two items."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from factories import PRELOAD, make_description, make_saved_profile

from advisor import store
from advisor.api.asked_ways import grid
from advisor.api.runnable import executor_run_config
from advisor.api.verify import verify
from advisor.domain.candidate import read_candidate, spelling
from advisor.domain.errors import ConfigurationError, DynadviseError
from advisor.domain.options import ProfilesOptions, VerifyOptions, WorkloadOptions
from advisor.measure.progress import silent
from advisor.render.terminal import to_text
from advisor.render.verification import verification_document

HERE = Path(__file__).parent


def test_every_way_of_the_grid_has_a_spelling_of_its_own():
    ways = grid(24, 2.0, PRELOAD)
    assert len(ways) > 10
    assert len({spelling(way) for way in ways}) == len(ways)


def test_a_grid_of_one_item_has_no_batches():
    assert not any(way.needs_code for way in grid(1, 2.0, PRELOAD))
    assert not any(way.is_warm for way in grid(8, 2.0, ()))


def test_the_executor_goes_where_the_job_takes_it():
    setting = make_description().executor
    given = {"ops": {"a": {"config": 1}}, "execution": {"config": {"old": {}}}}
    nested = replace(setting, config_path=("execution", "config", "multiprocess"))
    flat = replace(setting, config_path=("execution", "config"))
    warm = read_candidate("warm:4", ("some.module",))
    expected = {
        "max_concurrent": 4,
        "start_method": {"forkserver": {"preload_modules": ["some.module"]}},
    }
    assert executor_run_config(warm, nested, given) == {
        "ops": {"a": {"config": 1}},
        "execution": {"config": {"multiprocess": expected}},
    }
    assert executor_run_config(warm, flat, given)["execution"] == {"config": expected}
    without = executor_run_config(read_candidate("execute_in_process", ()), nested, given)
    assert without == {"ops": {"a": {"config": 1}}}
    fixed = replace(setting, fixed_by_code=("max_concurrent",))
    with pytest.raises(DynadviseError, match="fixes its executor"):
        executor_run_config(warm, fixed, given)
    with pytest.raises(DynadviseError, match="fixes its executor"):
        executor_run_config(warm, replace(setting, config_path=None), given)


@pytest.fixture
def profiled(tmp_path, monkeypatch) -> VerifyOptions:
    return profile_of("doubling", tmp_path, monkeypatch)


def profile_of(attribute, tmp_path, monkeypatch, **changes) -> VerifyOptions:
    """A profile of a target of two items, made up but for its description."""
    from advisor.dagster_bridge.structure import describe
    from advisor.dagster_bridge.target import load_target, parse_target
    from advisor.measure.machine import host_facts

    monkeypatch.syspath_prepend(str(HERE))
    home = tmp_path / "users_own_home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    spelled = f"verify_workload:{attribute}"
    target = parse_target(spelled, working_directory=HERE)
    description = replace(describe(load_target(target)), **changes)
    saved = make_saved_profile(description=description)
    saved = replace(
        saved,
        host=replace(saved.host, facts=host_facts()),
        workload=replace(saved.workload, items=2),
        verifications=(),
    )
    store.write(saved, tmp_path / "profiles")
    return VerifyOptions(
        WorkloadOptions(spelled, working_directory=HERE),
        ProfilesOptions(tmp_path / "profiles"),
        repeats=1,
    )


def test_real_runs_beside_predictions_are_stored_and_leave_the_users_instance_alone(profiled):
    asked = ("execute_in_process", "in_process", "spawn:2", "in_process:batch=2:threads=2")
    plans = []
    outcome = verify(
        replace(profiled, configurations=(*asked, "spawn:2")),
        silent,
        confirm=lambda plan: plans.append(plan) or True,
    )
    assert plans[0].runs == 4
    assert plans[0].job == "doubling"
    assert plans[0].mapped_ops == ("double",)
    by_name = {verification.name: verification for verification in outcome.verifications}
    assert list(by_name) == list(asked)
    for verification in by_name.values():
        (run,) = verification.runs
        assert run.failed is None
        assert run.wall_s > 0
        assert verification.predicted_s is not None
    assert by_name["spawn:2"].runs[0].child_cpu_s > 0
    assert by_name["in_process"].runs[0].work_s > 0
    assert store.read(outcome.path).verifications == outcome.verifications
    assert not list(Path(os.environ["DAGSTER_HOME"]).iterdir())


def test_the_runs_instance_has_the_pools_slots(tmp_path, monkeypatch):
    asked = profile_of("doubling_in_a_pool", tmp_path, monkeypatch, pool_limits={"db": 1})
    (found,) = verify(replace(asked, configurations=("in_process",)), silent).verifications
    assert [run.failed for run in found.runs] == [None]


BATCHED = "in_process:batch=3:threads=2"


def test_of_a_bare_op_the_emitted_job_is_run_on_its_samples(tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setenv("VERIFY_NOTES", str(notes))
    asked = profile_of("note", tmp_path, monkeypatch, inputs="verify_workload:sample_numbers")
    plans = []

    outcome = verify(
        replace(asked, configurations=(BATCHED, "in_process", "async:2")),
        silent,
        confirm=lambda plan: plans.append(plan) or True,
    )

    assert [verification.name for verification in outcome.verifications] == [BATCHED, "in_process"]
    assert [run.failed for v in outcome.verifications for run in v.runs] == [None, None]
    assert {path.name: path.read_text() for path in notes.iterdir()} == dict.fromkeys(
        ("3", "5", "7"), "called\n" * 2
    )
    assert (plans[0].job, plans[0].items) == ("note", 3)
    assert [each.name for each in plans[0].left_out] == ["async:2"]


@pytest.mark.parametrize(
    ("attribute", "inputs", "words"),
    [
        ("note", None, "not known where the items of"),
        ("note", "verify_workload:no_such_thing", "no_such_thing"),
        ("plain_note", "verify_workload:sample_numbers", "is no job: of it only batches"),
    ],
)
def test_what_cannot_be_run_of_a_bare_op_or_a_function_is_said(
    attribute, inputs, words, tmp_path, monkeypatch
):
    asked = profile_of(attribute, tmp_path, monkeypatch, inputs=inputs)
    with pytest.raises(DynadviseError, match=words):
        verify(replace(asked, configurations=("in_process",)), silent)


def test_nothing_runs_without_consent(profiled):
    assert verify(profiled, silent, confirm=lambda _plan: False) is None
    assert not store.read(next(profiled.profiles.folder.glob("*/*.json"))).verifications


def test_an_unknown_configuration_is_refused_before_anything_runs(profiled):
    with pytest.raises(ConfigurationError, match="fastest"):
        verify(replace(profiled, configurations=("advised", "fastest")), silent)


def test_what_is_asked_for_twice_is_run_once(profiled):
    plans = []
    asked = ("current", "default", "spawn:2", "grid")
    verify(
        replace(profiled, configurations=asked),
        silent,
        confirm=lambda plan: bool(plans.append(plan)),
    )
    names = [configuration.name for configuration in plans[0].configurations]
    ways = [configuration.candidate for configuration in plans[0].configurations]
    assert len(set(ways)) == len(ways)
    assert names[0] == "current, default"
    assert "spawn:2" not in names
    assert "in_process:batch=2" in names


def call(profiled: VerifyOptions, *arguments: str) -> int:
    from advisor.cli import cli

    with pytest.raises(SystemExit) as ended:
        cli.main([
            "verify", profiled.workload.target, "-d", str(HERE),
            "--profiles", str(profiled.profiles.folder), *arguments,
        ])  # fmt: skip
    return ended.value.code


@pytest.mark.parametrize("flag", ["--dry-run", "--no-allow-side-effects"])
def test_the_command_says_what_it_would_run_and_runs_nothing(profiled, capsys, flag):
    assert call(profiled, flag, "--configurations", "default,in_process") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "6 real runs of doubling" in err
    assert "double for each of 2 items" in err
    assert not store.read(next(profiled.profiles.folder.glob("*/*.json"))).verifications


def test_the_commands_data_is_on_stdout_and_its_messages_on_stderr(profiled, capsys):
    import json

    asked = ("--configurations", "execute_in_process", "--repeats", "2", "--no-save")
    assert call(profiled, *asked, "--format", "json") == 0
    out, err = capsys.readouterr()
    (configuration,) = json.loads(out)["configurations"]
    assert len(configuration["measured"]) == 2
    assert "2 real runs" in err
    assert "Stored" not in err


def test_the_command_refuses_what_it_does_not_know(profiled, capsys):
    assert call(profiled, "--configurations", "fastest") == 2
    assert "fastest" in capsys.readouterr().err


@pytest.mark.parametrize(("first_touch_byte_s", "pause_s"), [(0.0, 0.0), (2e-9, 12.0)])
def test_runs_wait_where_memory_is_slow_that_was_not_used_lately(
    profiled, monkeypatch, first_touch_byte_s, pause_s
):
    """Back to back, runs that store 640 MB took 1.6 s of the 2.9 s that production pays."""
    slept_s: list[float] = []
    clock = SimpleNamespace(sleep=slept_s.append)  # others may wait for the machine meanwhile
    monkeypatch.setattr("advisor.measure.verification.time", clock)
    path = next(profiled.profiles.folder.glob("*/*.json"))
    saved = store.read(path)
    workload = replace(saved.workload, first_touch_byte_s=first_touch_byte_s)
    store.write_to(replace(saved, workload=workload), path)
    verify(replace(profiled, configurations=("execute_in_process",), repeats=1), silent)
    assert slept_s == [pause_s]


def test_real_runs_sharpen_the_next_prediction(profiled):
    from advisor.api.recommend import predict
    from advisor.domain.options import AdviseOptions
    from advisor.domain.quantities import Interval
    from advisor.domain.verification import Verification, VerifiedRun

    def predicted_s() -> float:
        plans = []
        verify(
            replace(profiled, configurations=("spawn:2",)),
            silent,
            confirm=lambda plan: bool(plans.append(plan)),
        )
        return plans[0].configurations[0].predicted_s.median

    path = next(profiled.profiles.folder.glob("*/*.json"))
    saved = store.read(path)
    spawn = read_candidate("spawn:2", ())
    first_s = predict(saved, spawn, AdviseOptions()).makespan_s.median
    runs = (VerifiedRun(spawn, 2 * first_s, 0.0, 0.0, 0.0, "2026-01-02T00:00:00+00:00"),) * 3
    seen = Verification("spawn:2", spawn, Interval(first_s, first_s, first_s), runs)
    store.write_to(replace(saved, verifications=(seen,)), path)
    assert 1.2 * first_s < predicted_s() <= 2 * first_s


def finishing(tmp_path, monkeypatch, **options) -> VerifyOptions:
    """Of a job that hands out only what no earlier run has done."""
    monkeypatch.setenv("VERIFY_NOTES", str(tmp_path))
    asked = profile_of("finishing", tmp_path, monkeypatch)
    return replace(asked, configurations=("execute_in_process", "in_process"), **options)


def test_runs_that_find_their_work_done_are_neither_compared_nor_stored(tmp_path, monkeypatch):
    outcome = verify(finishing(tmp_path, monkeypatch), silent)

    unlike = [run.unlike for v in outcome.verifications for run in v.runs if run.unlike]
    assert len(unlike) == 1
    assert "what was to be done may be done already" in unlike[0]
    assert len(store.read(outcome.path).verifications) == 1
    text = to_text(verification_document(outcome.verifications, "finishing"))
    assert "1 of 1 runs of" in text
    assert "--setup" in text
    assert "logged 2 errors in 1 runs" in text


def test_setup_gives_every_run_the_same_work(tmp_path, monkeypatch):
    asked = finishing(tmp_path, monkeypatch, setup="verify_workload:put_back")
    outcome = verify(asked, silent)

    runs = [run for v in outcome.verifications for run in v.runs]
    assert [run.failed for run in runs] == [None, None]
    assert [run.unlike for run in runs] == [None, None]
    contents = {run.content for run in runs}
    (content,) = contents  # the same items, steps, errors and result under both
    assert (content.items, content.steps, content.planned_steps) == (2, 4, 4)
    assert content.errors == 2
    assert content.result is not None
    assert store.read(outcome.path).verifications == outcome.verifications
