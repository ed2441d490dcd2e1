"""The installed command in a process of its own: what it imports, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
from factories import make_saved_profile

from advisor import store
from advisor.cli.group import COMMANDS, cli

HEAVY = ("dagster", "sklearn", "scipy", "numpy", "pydantic", "rich", "jinja2", "pyinstrument")
RUN = "from advisor.cli import main; main()"


def dynadvise(*arguments, **extra):
    return subprocess.run(
        [sys.executable, "-c", "from advisor.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **extra,
    )


def imported(*arguments):
    """The modules that a command imports, and its exit status."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=open(sys.argv.pop(), 'w')))\n" + RUN
    )
    reader, writer = os.pipe()
    target = f"/dev/fd/{writer}"
    script = code.replace("sys.argv.pop()", repr(target))
    result = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        pass_fds=[writer],
        check=False,
        timeout=60,
    )
    os.close(writer)
    with os.fdopen(reader) as file:
        return set(file.read().split()), result.returncode


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["profile", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    modules, status = imported(*arguments)
    assert status == 0
    assert not modules.intersection(HEAVY)


def test_help_lists_every_command_without_importing_one():
    modules, _ = imported("--help")
    assert not modules.intersection(f"advisor.cli.{name}" for name in COMMANDS)
    text = dynadvise("--help").stdout
    for name, line in COMMANDS.items():
        assert f"\n  {name}" in text
        assert line.split()[0] in text
    titles = [line for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles == ["Measure and advise:", "Look at past runs:", "Guard and set up:", "Options:"]
    assert text.count("\n  Example: dynadvise ") == 3


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    if find_spec(f"advisor.cli.{name}") is None:
        pytest.skip(f"{name} is not there yet")
    result = dynadvise(name, "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Usage: dynadvise {name}")
    assert "--color" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 79
    # What a command has of its own stands in sections above what all commands have.
    _, general = result.stdout.split("\nMessages and help:\n")
    options = [line.split()[0].rstrip(",") for line in general.splitlines() if line[2] == "-"]
    assert options == ["--color", "-q", "-v", "-h"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_in_the_help_is_a_whole_command(name):
    """It fits in a line, to be copied, and the command takes its arguments."""
    lines = dynadvise(name, "--help").stdout.splitlines()
    (example,) = (line for line in lines if "Example:" in line)
    words = example.removeprefix("  Example: ").split()
    assert words[:2] == ["dynadvise", name]
    with cli.get_command(None, name).make_context(name, words[2:]) as context:
        assert context.params


def test_schema_and_version():
    result = dynadvise("schema")
    assert result.returncode == 0
    assert json.loads(result.stdout)["$schema"].endswith("2020-12/schema")
    assert dynadvise("--version").stdout.startswith("dynadvise, version ")


def test_completion_comes_from_the_command_itself():
    env = os.environ | {
        "_DYNADVISE_COMPLETE": "bash_complete",
        "COMP_WORDS": "dynadvise rec",
        "COMP_CWORD": "1",
    }
    assert dynadvise(env=env).stdout.strip() == "plain,recommend"


def test_a_reader_that_left_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-c", RUN, "schema"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert result.returncode == 141
    assert result.stderr == b""


def test_a_terminal_without_unicode_gets_ascii(tmp_path):
    path = store.write(make_saved_profile(), tmp_path)
    env = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    result = dynadvise("predict", path, "--as", "default", env=env)
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert "\\u" not in result.stdout


def test_recommend_needs_neither_dagster_nor_scikit_learn(tmp_path):
    path = store.write(make_saved_profile(), tmp_path)
    modules, status = imported("recommend", path, "--format", "json")
    assert status == 0
    assert not modules.intersection({"dagster", "sklearn", "pyinstrument"})


def test_a_cancelled_command_runs_its_cleanup(tmp_path):
    script = (
        "import time, advisor.settings\n"
        "def load(start=None):\n"
        "    try:\n"
        "        print('ready', flush=True); time.sleep(60)\n"
        "    finally:\n"
        "        print('cleaned', flush=True)\n"
        "advisor.settings.load = load\n"
        "from advisor.cli import main; main()"
    )
    for sent, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        child = subprocess.Popen(
            [sys.executable, "-c", script, "profile", "m:op"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.05)
        child.send_signal(sent)
        out, _ = child.communicate(timeout=20)
        assert out == "cleaned\n"
        assert child.returncode == status


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_complete_commands_options_and_values(shell):
    def completed(*words):
        typed = {
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1),
        }
        env = {**os.environ, **typed, "_DYNADVISE_COMPLETE": f"{shell}_complete"}
        code = "from advisor.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert "recommend" in completed("dynadvise", "rec")
    assert "--partitions" in completed("dynadvise", "plan", "--par")
