"""Machines, files and numbers that are against us: a clear line, and the right exit status."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner
from factories import make_host_profile, make_saved_profile

from advisor import host_store, store
from advisor.api.project_setup import plan_setup
from advisor.cli import cli
from advisor.dagster_bridge.code_locations import code_locations
from advisor.dagster_bridge.event_log.rows import timestamp_s
from advisor.dagster_bridge.yaml_file import read_run_config
from advisor.domain.errors import ConfigurationError, TargetError
from advisor.measure.sole_use import lock_path, sole_use
from advisor.settings import load


def shell(line, folder, **extra):
    """A command line of a shell in ``folder``, in which ``dynadvise`` is ours."""
    ours = (
        f"""dynadvise() {{ '{sys.executable}' -c 'from advisor.cli import main; main()' "$@"; }}"""
    )
    return subprocess.run(
        ["bash", "-c", f"{ours}\n{line}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **extra,
    )


# --- streams -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("dynadvise schema > /dev/full", 2, "stdout cannot be written: No space left on device"),
        ("dynadvise --version > /dev/full", 2, "stdout cannot be written"),
        ("dynadvise predict p.json >&-", 2, "stdout cannot be written: it is closed"),
        ("dynadvise schema >&- 2>&-", 2, ""),
        ("dynadvise predict p.json 2>&-", 0, ""),
        ("dynadvise -v predict p.json -o out.txt 2> /dev/full", 0, ""),
        ("dynadvise predict p.json <&-", 0, ""),
        ("dynadvise predict none.json 2>&-", 2, ""),
        ("dynadvise predict --wrong 2> /dev/full", 2, ""),
    ],
)
def test_lost_data_is_an_error_and_a_lost_message_is_none(tmp_path, line, status, message):
    store.write_to(make_saved_profile(), tmp_path / "p.json")
    result = shell(line, tmp_path)
    assert result.returncode == status
    assert message in result.stderr
    assert "a fault in dynadvise" not in result.stderr
    assert "Traceback" not in result.stderr


# --- numbers without sense -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        ["--items", "1000000000"],
        ["--items", "9" * 401],
        ["--cores", "inf"],
        ["--cores", "1e300"],
        ["--max-connections", "9" * 401],
        ["--memory", "9" * 401 + "GiB"],
    ],
)
def test_more_than_a_machine_holds_is_refused_with_the_limit(tmp_path, asked):
    path = tmp_path / "p.json"
    store.write_to(make_saved_profile(), path)
    result = CliRunner().invoke(cli, ["predict", str(path), *asked])
    assert result.exit_code == 2
    assert asked[0] in result.stderr
    assert "a fault in dynadvise" not in result.stderr


@pytest.mark.parametrize("cores", ["0", "1e-9", "2e9", "nan"])
def test_a_number_outside_the_bounds_is_refused_with_them(tmp_path, cores):
    bounds = "from 0.000001 to 1,000,000,000"
    path = tmp_path / "p.json"
    store.write_to(make_saved_profile(), path)
    result = CliRunner().invoke(cli, ["predict", str(path), "--cores", cores])
    assert result.exit_code == 2
    assert bounds in result.stderr
    (tmp_path / "pyproject.toml").write_text(f"[tool.dynadvise]\nmax-rate = {cores}\n")
    with pytest.raises(ConfigurationError, match=bounds):
        load(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("workload.items", 10**12),
        ("workload.items", 0),
        ("workload.ops.0.first_calls.0.wall_s", -1.0),
        ("workload.ops.0.first_calls.0.wall_s", 1e308),
        ("workload.ops.0.first_calls.0.output_bytes", 10**400),
        ("overhead.moments", 10**19),
        ("overhead.store_byte_s", -1.0),
        ("host.facts.cpu_count", 0),
        ("host.facts.cpus", 0.0),
        ("advice.recommendation.candidate.batch_size", 0),
        ("workload.ops", []),
        ("workload.ops.0.first_calls.0.events", 10**12),
        ("workload.ops.0.first_calls.0.item", -1),
        ("description.other_steps", 10**6),
        ("description.mapped", []),
    ],
)
def test_a_profile_with_a_senseless_number_is_refused(tmp_path, place, value):
    path = tmp_path / "p.json"
    store.write_to(make_saved_profile(), path)
    document = json.loads(path.read_text())
    inner = document
    *keys, last = (int(key) if key.isdigit() else key for key in place.split("."))
    for key in keys:
        inner = inner[key]
    assert last in inner
    inner[last] = value
    path.write_text(json.dumps(document))
    result = CliRunner().invoke(cli, ["predict", str(path)])
    assert result.exit_code == 2
    assert (place if last != "items" else "items in one run") in result.stderr
    assert "a fault in dynadvise" not in result.stderr


def test_a_million_events_per_item_are_advised_from_in_seconds(tmp_path):
    saved = make_saved_profile()
    op = saved.workload.ops[0]
    calls = tuple(replace(call, events=10**6) for call in op.later_calls)
    ops = (replace(op, later_calls=calls), *saved.workload.ops[1:])
    store.write_to(replace(saved, workload=replace(saved.workload, ops=ops)), tmp_path / "p.json")
    begun_s = time.process_time()
    result = CliRunner().invoke(cli, ["recommend", str(tmp_path / "p.json")])
    assert result.exit_code == 0
    assert time.process_time() - begun_s < 30  # minutes, one by one


def test_a_folder_that_is_no_unicode_can_be_named_in_a_profile_and_a_calibration(tmp_path):
    folder = os.fsdecode(b"caf\xe9")
    saved = make_saved_profile()
    target = replace(saved.description.target, working_directory=folder)
    there = replace(saved, description=replace(saved.description, target=target))
    store.write_to(there, tmp_path / "p.json")
    assert store.read(tmp_path / "p.json").description.target.working_directory == "caf?"
    host = replace(saved.host, user_module=folder)
    path = host_store.cache_path(host.facts, "sqlite", folder)
    assert path != host_store.cache_path(host.facts, "sqlite", "caf")
    host_store.write_host(tmp_path / "h.json", host)
    assert '"user_module": "caf?"' in (tmp_path / "h.json").read_text()


def test_without_a_folder_for_temporary_files_the_way_out_is_said(monkeypatch, tmp_path):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", none)
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "mine.py").write_text("from dagster import op\n@op\ndef work(): ...\n")
    result = CliRunner().invoke(cli, ["check", "--static", f"{tmp_path / 'mine.py'}:work"])
    assert result.exit_code == 2
    assert "TMPDIR" in result.stderr


def test_an_argument_that_is_no_unicode_is_measured_with(monkeypatch, tmp_path):
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["dynadvise", "--profiles", os.fsdecode(b"pr\xff")])
    with sole_use():
        assert "'pr?'" in lock_path().read_text()


# --- YAML and SQLite -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a: [", "a: 2020-99-99", "a: " + "9" * 5000, "[" * 5000, "a: !!binary xyz", "a: \0"]
)
def test_yaml_that_cannot_be_read_is_said(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"is not YAML|nested too deep") as raised:
        read_run_config(path)
    assert str(path) in raised.value.where


@pytest.mark.parametrize("text", ["repos: 2020-99-99", "repos: " + "9" * 5000, "[" * 5000])
def test_hooks_that_are_no_yaml_are_said(tmp_path, text):
    (tmp_path / ".pre-commit-config.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"is not YAML|nested too deep"):
        plan_setup(tmp_path, ["module:job"], pre_commit=True)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [LAUGHS, "ops: &a\n  b: *a\n", "a: &a [!!omap [b: *a]]"])
def test_yaml_whose_aliases_never_end_is_refused(tmp_path, text):
    path = tmp_path / "values.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="holds itself, or more than 1,000,000 values"):
        read_run_config(path)
    result = CliRunner().invoke(cli, ["check", "--static", "--helm", str(path)])
    assert result.exit_code == 2


def test_an_alias_that_is_used_twice_is_read(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("a: &a {b: 1}\nops: {c: *a, d: *a}\n")
    assert read_run_config(path)["ops"] == {"c": {"b": 1}, "d": {"b": 1}}


@pytest.mark.parametrize(
    "line",
    [
        "dynadvise analyze --pods deep.json",
        "echo 'a: 1' > v.yaml; dynadvise check --static --helm v.yaml --helm-schema deep.json",
        "mkdir -p profiles/h; cp deep.json profiles/h; dynadvise recommend module:job",
    ],
)
def test_json_that_is_nested_too_deep_is_said(tmp_path, line):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    result = shell(line, tmp_path)
    assert result.returncode == 2
    assert "a fault in dynadvise" not in result.stderr


@pytest.mark.parametrize("value", ["text", b"\xde\xad", None, 1e308, 2**63 - 1, "0001-01-01"])
def test_a_time_that_none_wrote_is_unknown(value):
    assert timestamp_s(value) == 0.0


# --- signals -------------------------------------------------------------------------------------


AT_ONCE = "import os\ntry:\n    {kill}\nfinally:\n    1 / 0\n"
AT_THE_END = """\
import atexit, os, sys
atexit.register(lambda: {kill})
sys.path.remove({folder!r})
del sys.modules["click"]
import click  # the real one
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("module", "status"), [(AT_ONCE, 128), (AT_THE_END, 0)], ids=["start", "end"]
)
def test_a_signal_at_the_start_or_the_end_prints_no_traceback(tmp_path, number, module, status):
    kill = f"(print('killing', flush=True), os.kill(os.getpid(), {int(number)}))"
    (tmp_path / "click.py").write_text(module.format(kill=kill, folder=str(tmp_path)))
    result = subprocess.run(
        [sys.executable, "-c", "from advisor.cli import main; main()", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == (status and status + number)
    assert result.stderr == ""
    assert "killing" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_python_would_drop_in_a_callback_ends_the_command(number):
    program = f"""if True:
        import os, signal, time, weakref
        from advisor.cli import _end
        signal.signal({int(number)}, _end)
        class Lock: ...
        def cb(_): os.kill(os.getpid(), {int(number)})
        lock = Lock()
        watch = weakref.ref(lock, cb)
        try:
            del lock
            time.sleep(20)
        except BaseException as error:
            print(type(error).__name__)
    """
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    raised = "KeyboardInterrupt" if number == signal.SIGINT else "SystemExit"
    assert (result.stdout.strip(), result.stderr) == (raised, "")


def test_a_fault_of_ours_never_ends_like_a_success():
    program = "import advisor.cli.group as group; group.cli.main = lambda: 1 / 0; "
    program += "from advisor.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert result.returncode == 1


def test_nothing_is_imported_before_signals_are_heeded():
    program = "import sys; before = set(sys.modules); import advisor.cli; "
    program += "print(*set(sys.modules) - before)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert set(result.stdout.split()) == {"advisor", "advisor.cli"}


# --- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mkdir gone; cd gone; rmdir ../gone; dynadvise predict p.json", "does not exist any more"),
        ("dynadvise predict " + "x" * 300, "There is no profile"),
        ("dynadvise predict " + "x" * 300 + ".json", "There is no profile"),
        ("dynadvise analyze --instance " + "x" * 300, "File name too long"),
        ("dynadvise scan --instance /tmp/" + "x" * 300, "File name too long"),
        ("dynadvise predict p.json -o " + "x" * 300, "File name too long"),
        ("dynadvise predict '~nobody-here/p.json'", "There is no profile"),
    ],
)
def test_a_folder_that_cannot_be_is_said(tmp_path, line, message):
    store.write_to(make_saved_profile(), tmp_path / "p.json")
    result = shell(line, tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert "a fault in dynadvise" not in result.stderr


def test_a_tilde_is_the_home_also_where_no_shell_replaced_it(tmp_path):
    store.write_to(make_saved_profile(), tmp_path / "p.json")
    line = "dynadvise predict '~/p.json' -o '~/out.txt'"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result = shell(line, elsewhere, env={**os.environ, "HOME": str(tmp_path)})
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out.txt").exists()


def test_without_a_home_nothing_is_kept_and_nothing_fails(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME", "DYNADVISE_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as of a user without an entry
    host = make_host_profile()
    path = host_store.cache_path(host.facts, host.storage, None)
    host_store.write_host(path, host)
    assert host_store.read_host(path) is None
    with sole_use():
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "values.yaml").write_text("pipelineRun: {}")
    result = CliRunner().invoke(cli, ["check", "--static", "--helm", "values.yaml"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "text",
    [
        "tool = 1",
        "[tool]\ndagster = 'x'",
        "[tool.dagster]\nmodules = [1]",
        "[tool.dagster]\nmodule_name = 3",
        "[tool.dg]\nproject = 'x'",
        "[[tool.dg.workspace.projects]]\npath = 3",
        "[tool.dagster]\nx = " + "[" * 100_000,
    ],
)
def test_a_project_file_with_values_of_other_kinds_is_said(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(TargetError, match=r"cannot be (understood|read)"):
        code_locations(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tool = 1", r"\[tool\] is not a table"),
        ("[tool]\ndynadvise = 1", r"\[tool.dynadvise\] is not a table"),
        ("[tool.dynadvise]\ntargets = 1", "is no list"),
    ],
)
def test_a_project_file_that_cannot_be_added_to_is_said(tmp_path, text, message):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        plan_setup(tmp_path, ["module:job"])


@pytest.mark.parametrize("text", ["[tool]\nuv = 1", "[tool.uv]\nsources = 1"])
def test_settings_of_others_that_are_none_are_left_as_they_are(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    plan = plan_setup(tmp_path, ["module:job"])
    assert plan.changes[0].after.startswith(text)


def test_a_workspace_with_a_path_that_none_can_have_is_said(tmp_path):
    (tmp_path / "workspace.yaml").write_text('load_from: [{python_file: "a\\0b.py"}]')
    with pytest.raises(TargetError, match="names a path that none can have"):
        code_locations(tmp_path)


def test_a_server_in_a_workspace_is_left_out(tmp_path):
    (tmp_path / "workspace.yaml").write_text(
        "load_from: [{grpc_server: {host: localhost, port: 4266}}, {python_module: shop}]"
    )
    assert [location.module for location in code_locations(tmp_path)] == ["shop"]
    (tmp_path / "workspace.yaml").write_text("load_from: [{grpc_server: {host: h, port: 1}}]")
    with pytest.raises(TargetError, match="names servers alone"):
        code_locations(tmp_path)


def test_a_workspace_that_lists_its_own_folder_is_read_once(tmp_path):
    table = "[tool.dg.workspace]\nprojects = [{path = '.'}]\n"
    (tmp_path / "pyproject.toml").write_text(f"{table}[tool.dg.project]\nroot_module = 'shop'\n")
    modules = {location.module for location in code_locations(tmp_path)}
    assert modules == {"shop.definitions"}
