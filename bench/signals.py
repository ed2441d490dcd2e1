"""Ctrl-C and SIGTERM at random moments of the commands that measure: what is left of them.

``measure`` starts a command in a small project of its own and sends it one signal at a random
moment, half of them in the first seconds, while Python and the packages start. Each trial is
appended to ``.bench/signals.jsonl`` at once; what is there is not tried again. ``report`` writes
the table of ``docs/reliability.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "gate"))
from gate_project import COMPUTE, make_project  # noqa: E402

RECORDS = ROOT / ".bench" / "signals.jsonl"
PAGE = ROOT / "docs" / "reliability.md"
MARK = "DYNADVISE_SIGNAL_TRIAL"
COMMANDS: dict[str, list[str]] = {
    "profile": ["profile", COMPUTE, "--yes", "--budget", "30"],
    "calibrate": ["calibrate", "--recalibrate"],
    "verify": ["verify", COMPUTE, "--yes", "--repeats", "1", "--configurations", "warm:2"],
    "check": ["check", COMPUTE, "--base", "main", "--pairs", "8"],
}
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
LENGTHS_S = {"profile": 30.0, "calibrate": 60.0, "verify": 15.0, "check": 20.0}  # about
PYTHON_BEGINS = "Fatal Python error: init_import_site"
"""What Python says of Ctrl-C while it starts: nothing of a command has been read by then."""
START_S = 2.5  # a command's start-up and imports
ENDS_WITHIN_S = 10.0
HALTED_S = 2.0
GONE_WITHIN_S = 2.0  # the remover of temporary folders and git need a moment


def ready_project(folder: Path) -> Path:
    """A project that has a profile, with a calibrated host beside it."""
    project = make_project(folder / "shop")
    done = _start(COMMANDS["profile"], project, folder, "prepared")
    done.communicate()
    return project


def _start(arguments: list[str], project: Path, folder: Path, mark: str) -> subprocess.Popen[str]:
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = {"TMPDIR": str(temporary), "DYNADVISE_CACHE_DIR": str(folder / "cache")}
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("dynadvise")), *arguments],
        cwd=project,
        env={**os.environ, **environment, MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


class HaltedError(Exception):
    """This process stood still with all others (a paused machine): the trial tells nothing."""


def _ended(running: subprocess.Popen[str]) -> str:
    """The messages of a command that ends within three times what it may take; else killed.

    Raises:
        HaltedError: A wait of 0.2 s took much longer.
    """
    messages = None
    for _ in range(int(3 * ENDS_WITHIN_S / 0.2)):
        begun = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            messages = running.communicate(timeout=0.2)[1]
        if time.monotonic() - begun > HALTED_S:
            running.kill()
            running.wait()
            raise HaltedError
        if messages is not None:
            return messages
    running.kill()
    return running.communicate()[1]


def trial(name: str, number: signal.Signals, at_s: float, prepared: Path) -> dict[str, Any]:
    """One signal to one command in a copy of the prepared folder, and what was wrong after it."""
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="signals-") as path:
        folder = Path(path) / "trial"
        shutil.copytree(prepared, folder, symlinks=True)
        running = _start(COMMANDS[name], folder / "shop", folder, mark)
        time.sleep(at_s)
        used = [each.name for each in (folder / "temporary").iterdir()]
        begun = time.monotonic()
        early = running.poll() is not None
        if not early:  # a terminal sends Ctrl-C to all in the foreground
            (os.killpg if number is signal.SIGINT else os.kill)(running.pid, number)
        faults = []
        messages = _ended(running)
        took_s = time.monotonic() - begun
        if took_s > ENDS_WITHIN_S:
            faults.append("did not end in 10 s")
        # Python that has not come to our code yet ends by the signal itself, or says so.
        ended_as_asked = running.returncode in (STATUS[number], -number)
        if PYTHON_BEGINS not in messages:
            if not ended_as_asked and not (early or running.returncode == 0):
                faults.append(f"exit status {running.returncode}")
            if "Traceback" in messages or "Exception ignored" in messages:
                faults.append("traceback")
        faults += _left_over(folder, mark, used)
    return {
        "command": name, "signal": number.name, "at_s": round(at_s, 2), "ended_before": early,
        "status": running.returncode, "took_s": round(took_s, 2), "faults": faults,
        "messages": messages[-3000:] if faults else messages[-200:],
    }  # fmt: skip


def _left_over(folder: Path, mark: str, used: list[str]) -> list[str]:
    until = time.monotonic() + GONE_WITHIN_S
    while (left := list(_what_is_left(folder, mark, used))) and time.monotonic() < until:
        time.sleep(0.1)
    return left + [f"damaged: {path.name}" for path in _damaged(folder)]


def _what_is_left(folder: Path, mark: str, used: list[str]) -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        try:
            theirs = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in theirs:
            yield "a process is left"
    memory = [Path("/dev/shm", name) for name in used]
    if any((folder / "temporary").iterdir()) or any(map(Path.exists, memory)):
        yield "a temporary folder is left"
    if list(folder.rglob("*.tmp")):
        yield "a half-written file is left"
    worktrees = folder / "shop" / ".git" / "worktrees"
    if worktrees.exists() and any(worktrees.iterdir()):
        yield "a git worktree is left"


def _damaged(folder: Path) -> Iterator[Path]:
    for path in [*folder.glob("shop/profiles/*/*.json"), *folder.glob("cache/hosts/*.json")]:
        if not path.read_text().rstrip().endswith("}"):
            yield path


def measure(trials: int, minutes: float) -> None:
    """Try what is missing of ``trials``, as long as there is time."""
    until = time.monotonic() + 60 * minutes
    done = len(_records())
    with tempfile.TemporaryDirectory(prefix="signals-") as path:
        prepared = Path(path) / "prepared"
        prepared.mkdir()
        ready_project(prepared)
        for count in range(done, trials):
            if time.monotonic() > until:
                break
            draw = random.Random(count)
            name = list(COMMANDS)[count % len(COMMANDS)]
            number = draw.choice(list(STATUS))
            at_s = draw.uniform(0.0, START_S if draw.random() < 0.5 else LENGTHS_S[name])
            record = None
            while record is None:
                with contextlib.suppress(HaltedError):
                    record = trial(name, number, at_s, prepared)
            RECORDS.parent.mkdir(exist_ok=True)
            with RECORDS.open("a") as file:
                file.write(json.dumps(record) + "\n")
            shown = {key: value for key, value in record.items() if key != "messages"}
            sys.stdout.write(f"{count + 1} of {trials}: {shown}\n")
            sys.stdout.flush()


def _records() -> list[dict[str, Any]]:
    return (
        [json.loads(line) for line in RECORDS.read_text().splitlines()] if RECORDS.exists() else []
    )


def report() -> None:
    """Write the table: a row per command and signal."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in _records():
        rows[record["command"], record["signal"]].append(record)
    columns = ["command", "signal", "trials", "in the first 2.5 s", "passed", "longest end, s"]
    lines = [f"| {' | '.join(columns)} | faults |", "|---|---|---:|---:|---:|---:|---|"]
    for (name, number), each in sorted(rows.items()):
        faults = Counter(fault for record in each for fault in record["faults"])
        lines.append(
            f"| `{name}` | {number} | {len(each)} | "
            f"{sum(record['at_s'] <= START_S for record in each)} | "
            f"{sum(not record['faults'] for record in each)} | "
            f"{max(record['took_s'] for record in each):.1f} | "
            f"{', '.join(f'{fault} ({times})' for fault, times in faults.items()) or '-'} |"
        )
    head, mark, rest = PAGE.read_text().partition("<!-- signals -->\n")
    _, end, tail = rest.partition("<!-- end of signals -->")
    PAGE.write_text(f"{head}{mark}{chr(10).join(lines)}\n{end}{tail}")


def main() -> None:
    """Measure, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["measure", "report"])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0)
    asked = parser.parse_args()
    # Ignored in a shell's background, it would be in the commands that are sent it as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if asked.what == "measure":
        measure(asked.trials, asked.minutes)
    else:
        report()


if __name__ == "__main__":
    main()
