"""A small git project with two jobs, for the gate's tests and for its benchmark.

Its four mapped ops are the kinds of work that a gate has to time: a loop of pure Python, sorting
in numpy, waiting, and JSON read and written to a file. How much each does is a constant at the top
of the file, so that a version of it is slower by a known share.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

MODULE = "shop"
CONFIG = "run_config.yaml"
AMOUNTS = {"score": 300_000, "rank": 500_000, "fetch": 0.02, "convert": 1_200}
"""Op to what it does: turns of a loop, numbers to sort, seconds to wait, rows to read and write."""

COMPUTE, TRANSFER = f"{MODULE}:compute_job", f"{MODULE}:transfer_job"
OPS = {COMPUTE: ("score", "rank"), TRANSFER: ("fetch", "convert")}

SOURCE = '''\
"""Scores and transfers of a shop, for each of its regions."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from dagster import DynamicOut, DynamicOutput, job, op

SCORE = {score}
RANK = {rank}
FETCH = {fetch}
CONVERT = {convert}
CONFIG = yaml.safe_load(Path(__file__).with_name("run_config.yaml").read_text())


@op(out=DynamicOut())
def regions():
    for number in range(8):
        yield DynamicOutput(number, f"region_{{number}}")


@op
def score(region):
    total = region
    for turn in range(SCORE):
        total += turn * turn % 7
    return total


@op
def rank(total):
    values = np.random.default_rng(total).random(RANK)
    values.sort()
    return float(values[0])


@op
def fetch(region):
    time.sleep(FETCH)
    return region


@op
def convert(region):
    row = {{"region": region, "figures": list(range(20)), "name": "x" * 40}}
    text = json.dumps([row] * CONVERT)
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump(json.loads(text), file)
    return len(text)


@op
def report(results):
    return len(results)


@job(config=CONFIG)
def compute_job():
    report(regions().map(score).map(rank).collect())


@job(config=CONFIG)
def transfer_job():
    report(regions().map(fetch).map(convert).collect())
'''
PYPROJECT = f"""\
[tool.dynadvise]
targets = ["{COMPUTE}", "{TRANSFER}"]
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git in the project, as somebody; its output."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_project(folder: Path, run_config: str = "{}\n") -> Path:
    """The project with one commit on ``main``."""
    folder.mkdir(parents=True)
    (folder / f"{MODULE}.py").write_text(SOURCE.format(**AMOUNTS))
    (folder / CONFIG).write_text(run_config)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / ".gitignore").write_text("__pycache__/\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "base")
    return folder


def commit(folder: Path, message: str) -> None:
    """Commit all there is."""
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", f"--message={message}")


def slow_down(folder: Path, op: str, factor: float) -> None:
    """Let one op do ``factor`` times as much as it does at ``main``; not committed."""
    amount = factor * AMOUNTS[op]
    amounts = {**AMOUNTS, op: round(amount, 6) if op == "fetch" else round(amount)}
    (folder / f"{MODULE}.py").write_text(SOURCE.format(**amounts))


def edit(folder: Path, pattern: str, replacement: str) -> None:
    """Replace the one place in the source that matches; not committed."""
    file = folder / f"{MODULE}.py"
    source, times = re.subn(pattern, replacement, file.read_text())
    assert times == 1, f"{pattern!r} is found {times} times"
    file.write_text(source)
