"""Each command from outside: what it hands to its use case, what it prints, how it ends."""

from __future__ import annotations

import json
import re
import sys
import types
from pathlib import Path

import pytest
from click.testing import CliRunner
from factories import (
    PRELOAD,
    make_advice,
    make_description,
    make_host_profile,
    make_overhead,
    make_prediction,
    make_saved_profile,
)

from advisor import store
from advisor.api.profile import ProfileOutcome
from advisor.cli import cli
from advisor.domain.advice import Crossings
from advisor.domain.candidate import Candidate
from advisor.domain.errors import UserCodeError
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.measured import Calibration
from advisor.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return tmp_path


@pytest.fixture
def api(monkeypatch):
    """Use cases that record what they are asked."""
    asked = types.SimpleNamespace()

    def stub(module, **functions):
        monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(**functions))
        package, _, name = module.rpartition(".")
        __import__(package)
        monkeypatch.setattr(sys.modules[package], name, sys.modules[module], raising=False)

    def profile(request, progress, announce, watch=None, *, begun_s=None):
        asked.profile = request
        announce("Will run op 'process_chunk' on up to 3 items.")
        progress("measuring", 0.5)
        progress("calibrating")
        return ProfileOutcome(make_advice(), make_saved_profile(), Path("profiles/h/t.json"))

    def plan(request):
        asked.plan = request
        return ["process_chunk would be called 12 times", "nothing is run"]

    def recommend(saved, options, snippets=True):
        asked.recommend = options
        return make_advice(objective=options.objective)

    def predict(saved, candidate, options):
        asked.predict = (candidate, options)
        return make_prediction(candidate)

    def snippet(kind, measured, advice, max_connections, cluster=None):
        asked.emit = (kind, max_connections)
        return f"# {kind}"

    def calibrate_host(workload, *, recalibrate, scratch_postgres, progress):
        asked.calibrate, asked.recalibrate = workload, recalibrate
        rows = tuple(Crossings(n, make_advice().break_even) for n in (10, 100, 1000))
        return Calibration(make_host_profile(), make_overhead(), rows)

    stub("advisor.api.profile", profile=profile, plan=plan)
    stub("advisor.api.recommend", recommend=recommend, predict=predict)
    stub("advisor.api.emitting", snippet=snippet)
    stub("advisor.api.calibrating", calibrate_host=calibrate_host)
    return asked


@pytest.fixture
def saved_path(folder):
    return store.write(make_saved_profile(), folder / "profiles")


def run(*arguments, **extra):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], **extra)


# --- profile -----------------------------------------------------------------------------------


def test_profile_prints_the_advice_and_nothing_else_on_stdout(api):
    result = run("profile", "shop.chunks:process_all")
    assert result.exit_code == 0
    assert result.stdout.startswith("  process_all: 8 items")
    assert "Saved: profiles/h/t.json" in result.stderr
    assert result.stderr.startswith("Will run op 'process_chunk' on up to 3 items.")
    assert "\x1b" not in result.stdout
    assert run("-q", "profile", "shop.chunks:process_all").stderr == ""


def test_profile_hands_every_option_on(api, folder):
    (folder / "run.yaml").write_text("{}")
    result = run(
        "profile", "m", "--job", "j", "--inputs", "s.json", "--items", 9, "--samples", 3,
        "--budget", "7.5", "--run-config", "run.yaml", "--cores", "1.5", "--memory", "8GiB",
        "--memory-headroom", "20%",
        "--change", "config", "--objective", "cost", "--environment", "prod",
        "--max-connections", 4, "--max-rate", 20, "--emit", "run-config",
        "--profiles", "perf", "--no-save",
        "--no-allow-side-effects", "--setup", "m:up", "--teardown", "m:down",
        "--item-timeout", 5, "--flamegraph", "f.html", "--recalibrate", "-d", ".",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    workload, measure = api.profile.workload, api.profile.measure
    advise, profiles = api.profile.advise, api.profile.profiles
    assert (workload.target, workload.job, workload.inputs) == ("m", "j", "s.json")
    assert (advise.items, measure.samples, measure.budget_s) == (9, 3, 7.5)
    assert workload.run_config == Path("run.yaml")
    assert (advise.cores, advise.memory_bytes, advise.memory_headroom) == (1.5, 8 * 2**30, 0.2)
    assert (advise.change, advise.objective, advise.environment) == ("config", "cost", "prod")
    assert (advise.max_connections, advise.max_rate) == (4, 20.0)
    assert (profiles.folder, profiles.save) == (Path("perf"), False)
    assert measure.allow_side_effects is False
    assert (measure.setup, measure.teardown) == ("m:up", "m:down")
    assert (measure.item_timeout_s, measure.recalibrate) == (5, True)
    assert (measure.flamegraph, workload.working_directory) == (Path("f.html"), Path())
    assert "# run-config" in result.stdout


def test_flag_over_pyproject_over_default(api, folder):
    (folder / "pyproject.toml").write_text(
        "[tool.dynadvise]\nitems = 40\nmax-connections = 3\nmax-rate = 2.5\n"
        "budget = 20\nprofiles = 'p'\n"
        'inputs = {"m:op" = "samples.json"}\n'
        'hosts = {big = {cores = 16, memory = "64GiB"}}\n'
    )
    (folder / "samples.json").write_text("[1]")
    run("profile", "m:op", "--items", "7", "--host", "big", "--cores", "4")
    request, advise = api.profile, api.profile.advise
    assert (advise.items, advise.max_connections, advise.max_rate) == (7, 3, 2.5)
    assert request.measure.budget_s == 20
    assert (advise.cores, advise.memory_bytes, advise.host) == (4, 64 * 2**30, "big")
    assert request.workload.inputs == str(folder / "samples.json")
    assert request.profiles.folder == folder / "p"
    run("profile", "m:op")
    assert api.profile.advise.items == 40
    assert api.profile.advise.objective == "time"


@pytest.mark.parametrize(
    "options",
    [
        ["--items", "0"],
        ["--items", "1.5"],
        ["--samples", "-1"],
        ["--budget", "0"],
        ["--budget", "nan"],
        ["--cores", "inf"],
        ["--cores", "0"],
        ["--memory", "lots"],
        ["--memory", "0"],
        ["--max-connections", "0"],
        ["--max-rate", "0"],
        ["--memory-headroom", "100%"],
        ["--objective", "beauty"],
        ["--change", "all"],
        ["--environment", "moon"],
        ["--format", "xml"],
        ["--emit", "poem"],
        ["--run-config", "absent.yaml"],
        ["--item-timeout", "-1"],
        ["--host", "nobody"],
        ["-o", "no/such/folder/x.txt"],
        ["-o", "."],
        ["--unknown"],
    ],
)
def test_wrong_values_are_refused_before_anything_is_run(api, options):
    result = run("profile", "m:op", *options)
    assert result.exit_code == 2
    assert options[0].lstrip("-") in result.stderr or options[1] in result.stderr
    assert result.stdout == ""
    assert not hasattr(api, "profile")


def test_a_wrong_setting_is_refused(api, folder):
    (folder / "pyproject.toml").write_text("[tool.dynadvise]\nitem = 40\n")
    result = run("profile", "m:op")
    assert result.exit_code == 2
    assert "'items'" in result.stderr
    assert "pyproject.toml:2" in result.stderr


def test_dry_run_runs_nothing(api):
    result = run("profile", "m:op", "--dry-run")
    assert result.exit_code == 0
    assert "12 times" in result.stdout
    assert api.plan.workload.target == "m:op"
    assert not hasattr(api, "profile")


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_output_goes_to_a_file_whole(api, folder, form):
    printed = run("profile", "m:op", "--format", form)
    written = run("profile", "m:op", "--format", form, "-o", "advice.txt")
    assert written.stdout == ""
    assert "advice.txt" in written.stderr
    assert (folder / "advice.txt").read_text() == printed.stdout
    assert [p.name for p in folder.iterdir()] == ["advice.txt"]


def test_json_is_the_contracts(api):
    document = json.loads(run("profile", "m:op", "--format", "json").stdout)
    assert document["schema"] == "dynadvise/advice"
    assert document["recommendation"]["workers_in_op"] == 8
    assert document["profile"] == "profiles/h/t.json"


def test_verbose_shows_progress_lines_where_there_is_no_terminal(api):
    assert "calibrating" in run("profile", "m:op", "-v").stderr
    assert "calibrating" in run("-v", "profile", "m:op").stderr
    assert run("profile", "m:op", "-q", "-o", "x").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "colored"),
    [
        (["profile", "m:op"], False),
        (["--color", "always", "profile", "m:op"], True),
        (["profile", "m:op", "--color", "always"], True),
        (["--color", "never", "profile", "m:op"], False),
    ],
)
def test_color(api, arguments, colored):
    assert ("\x1b[" in run(*arguments, color=True).stdout) is colored


# --- from a saved profile ----------------------------------------------------------------------


def test_recommend_advises_again(api, saved_path):
    result = run("recommend", saved_path, "--items", 500, "--objective", "cost", "--memory", "4G")
    assert result.exit_code == 0
    assert (api.recommend.items, api.recommend.objective) == (500, "cost")
    assert api.recommend.memory_bytes == 4 * 2**30
    assert "batches of 8, 8" in result.stdout  # the cell wraps by the width


def test_a_profile_may_be_named_by_its_target(api, saved_path):
    assert run("recommend", "shop.chunks:process_all").exit_code == 0
    assert run("recommend", "shop.chunks", "--job", "process_all").exit_code == 0
    assert run("emit", "shop.chunks", "--asset", "process_all", "--as", "python").exit_code == 0
    assert run("report", "shop.chunks", "--asset", "process_all").exit_code == 0
    assert run("recommend", "shop", "--job", "a", "--asset", "b").exit_code == 2
    missing = run("recommend", "shop.chunks:proces_all")
    assert missing.exit_code == 2
    assert saved_path.name in missing.stderr


@pytest.mark.parametrize(
    ("options", "candidate"),
    [
        ([], make_advice().recommendation.candidate),
        (["--as", "config-only"], make_advice().config_only.candidate),
        (["--as", "current"], make_advice().current.candidate),
        (
            ["--as", "current", "--max-concurrent", 4],
            Candidate("execute_job", "multiprocess", "spawn", max_concurrent=4),
        ),
        (
            ["--executor", "multiprocess"],
            Candidate("execute_job", "multiprocess", "spawn", max_concurrent=2),
        ),
        (
            ["--executor", "multiprocess", "--start-method", "forkserver", "--max-concurrent", 3],
            Candidate("execute_job", "multiprocess", "forkserver", PRELOAD, 3),
        ),
        (
            ["--executor", "multiprocess", "--no-preload"],
            Candidate("execute_job", "multiprocess", "forkserver", (), 2),
        ),
        (
            ["--executor", "multiprocess", "--preload", "a", "--preload", "b", "--launch", "cli"],
            Candidate("cli", "multiprocess", "forkserver", ("a", "b"), 2),
        ),
        (["--launch", "execute_in_process"], Candidate("execute_in_process", "in_process")),
        (
            ["--executor", "in_process", "--batch-size", 8, "--workers", 4],
            Candidate("execute_job", "in_process", None, (), 1, 8, 4, "thread"),
        ),
        (
            ["--as", "advised", "--worker-kind", "process", "--workers", 2],
            Candidate("execute_job", "in_process", None, (), 1, 8, 2, "process"),
        ),
    ],
)
def test_predict_takes_a_configuration_by_name_or_by_its_parts(api, saved_path, options, candidate):
    result = run("predict", saved_path, *options)
    assert result.exit_code == 0, result.output
    assert api.predict[0] == candidate
    assert candidate.label in result.stdout.replace("\n  ", " ")
    assert "coordinate" in result.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--launch", "execute_in_process", "--executor", "multiprocess"],
        ["--executor", "in_process", "--max-concurrent", "4"],
        ["--executor", "in_process", "--start-method", "spawn"],
        ["--executor", "multiprocess", "--start-method", "spawn", "--preload", "a"],
        ["--executor", "multiprocess", "--preload", "a", "--no-preload"],
        ["--executor", "in_process", "--workers", "4"],
        ["--executor", "in_process", "--worker-kind", "thread"],
    ],
)
def test_predict_refuses_what_does_not_go_together(api, saved_path, options):
    result = run("predict", saved_path, *options)
    assert result.exit_code == 2
    assert "Error:" in result.stderr
    assert not hasattr(api, "predict")


def test_predict_of_a_current_configuration_that_is_not_there(api, folder):
    path = store.write(make_saved_profile(advice=make_advice(current=None)), folder)
    result = run("predict", path, "--as", "current")
    assert result.exit_code == 2
    assert "no current configuration" in result.stderr


def test_predict_as_json_has_what_its_text_says_of_the_place(api, folder):
    on_pods = ExecutorSetting("k8s", "k8s_job_executor", max_concurrent=16)
    saved = make_saved_profile(description=make_description(executor=on_pods))
    path = store.write(saved, folder / "pods")
    document = json.loads(run("predict", path, "--format", "json").stdout)
    (caution,) = document["cautions"]
    assert "runs on the k8s executor" in caution
    assert "not modelled" in caution


def test_predict_as_json(api, saved_path):
    result = run("predict", saved_path, "--format", "json", "--items", 30)
    document = json.loads(result.stdout)
    assert document["schema"] == "dynadvise/prediction"
    assert document["items"] == 30
    assert set(document["prediction"]["predicted_s"]) == {"median", "low", "high"}
    assert set(document["prediction"]["breakdown_s"]) >= {"work", "idle"}


def test_emit_prints_the_snippet(api, saved_path, folder):
    result = run("emit", saved_path, "--as", "environments", "--max-connections", 2)
    assert result.stdout == "# environments\n"
    assert api.emit == ("environments", 2)
    assert run("emit", saved_path).exit_code == 2


def test_report_writes_one_page(saved_path, folder):
    assert run("report", saved_path, "-o", "report.html").exit_code == 0
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_calibrate_answers_on_one_screen_and_in_full_with_details(api):
    screen = run("calibrate", "m:op", "--recalibrate", env={"COLUMNS": "79"}).stdout
    assert api.calibrate.target == "m:op"
    assert api.recalibrate
    assert " ".join(screen.split()).startswith(
        "Overhead per step: 1.8 s under spawn, 0.24 s under forkserver with preload, "
        "45 ms in process. Processes pay from 0.40 s per item."
    )
    assert len(screen.splitlines()) <= 24
    assert max(map(len, screen.splitlines())) <= 79
    assert "ddtrace" not in screen
    everything = run("calibrate", "m:op", "--details").stdout.lower()
    for word in ("boot", "forkserver with preload", "1,000 items", "command line", "storing"):
        assert word in everything
    document = json.loads(run("calibrate", "--format", "json").stdout)
    assert document["schema"] == "dynadvise/calibration"
    assert [row["items"] for row in document["break_even"]] == [10, 100, 1000]
    page = run("calibrate", "--format", "markdown").stdout
    assert page.index("Overhead per step") < page.index("<details>") < page.index("| 100 items")


# --- how it ends -------------------------------------------------------------------------------


def failing(monkeypatch, error):
    def load(start=None):
        raise error

    monkeypatch.setattr("advisor.settings.load", load)


def test_a_users_mistake_is_a_message_without_traceback(monkeypatch):
    error = UserCodeError(
        "process_chunk raised ValueError on item 3.",
        where="shop/chunks.py:14",
        hint="Try --samples 1.",
        details="line 14, in process_chunk\n\x1b[31mboom",
    )
    failing(monkeypatch, error)
    result = run("profile", "m:op")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for part in ("item 3", "shop/chunks.py:14", "--samples 1", "line 14"):
        assert part in result.stderr
    assert "\x1b[31mboom" not in run("--color", "always", "profile", "m:op", color=True).stderr
    assert "Traceback" in run("profile", "m:op", "-v").stderr


def test_an_error_may_carry_its_exit_status(monkeypatch):
    failing(monkeypatch, UserCodeError("undecided", exit_status=3))
    assert run("profile", "m:op").exit_code == 3


def test_a_fault_of_ours_is_an_apology(monkeypatch):
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    result = run("profile", "m:op")
    assert result.exit_code == 2
    assert "Sorry" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in run("profile", "m:op", "-v").stderr


def test_an_interrupt_ends_with_130(monkeypatch):
    failing(monkeypatch, KeyboardInterrupt())
    assert run("profile", "m:op").exit_code == 130


def test_a_misspelled_command_names_the_nearest():
    result = run("recomend", "x")
    assert result.exit_code == 2
    assert "'recommend'" in result.stderr
    assert run("xyzzy").exit_code == 2


def test_the_settings_are_read_once(monkeypatch, api):
    calls = []

    def load(start=None):
        calls.append(start)
        return Settings()

    monkeypatch.setattr("advisor.settings.load", load)
    run("profile", "m:op", "--host", "x")
    assert len(calls) == 1


# --- what is written about the commands --------------------------------------------------------


def test_the_kinds_of_snippets_are_those_of_help_and_readme():
    from advisor.emit import KINDS

    help_text = "".join(run("emit", "--help").stdout.split())  # wrapped at hyphens
    assert all(kind in help_text for kind in KINDS)
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert set(re.findall(r"dynadvise emit \S+ --as ([a-z-]+)", readme)) <= set(KINDS)
