"""What stands on the screen of a terminal while a long command runs."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

from factories import SPAWN_2, make_prediction
from rich.console import Console

from advisor.cli.progress import Lines, standing_table
from advisor.domain.measured import Standing

QUESTION = """
from advisor.cli.context import CommandContext
state = CommandContext()
with state.progress() as progress:
    progress("importing shop.chunks", 0.0)
    state.is_agreed(["Will run 'split' once."], None)
"""

SCRIPT = """
import time
from advisor.cli.context import CommandContext
state = CommandContext()
with state.progress() as progress:
    progress("importing shop.chunks", 0.0)
    time.sleep(0.3)  # until the line has been drawn
    state.say("Will run 'split' once.")
    state.warn("slow disk")
"""

ADVISED = "multiprocess, forkserver with preload, max_concurrent 8"


def test_a_message_does_not_stand_in_the_progress_line():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stderr=theirs, env=environment):
        os.close(theirs)
        screen = b""
        with suppress(OSError):  # the end of a terminal
            while chunk := os.read(ours, 4096):
                screen += chunk
    os.close(ours)
    # A drawn line is gone where the cursor returns and the line is erased.
    lines = screen.decode().replace("\x1b[2K", "\n").replace("\r", "\n").splitlines()
    assert any("importing shop.chunks" in line for line in lines)
    for message in ("Will run 'split' once.", "slow disk"):
        (line,) = (line for line in lines if message in line)
        assert "importing" not in line


def test_nothing_is_drawn_over_a_question():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", QUESTION]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        screen = b""
        while b"Run it?" not in screen:
            screen += os.read(ours, 4096)
        time.sleep(0.5)  # in which the line would be drawn five times
        if select.select([ours], [], [], 0)[0]:
            screen += os.read(ours, 4096)
        os.write(ours, b"y\n")
    os.close(ours)
    assert b"importing" not in screen.partition(b"Run it?")[2]


def standing(part: str = "", gain_s: float = 0.0) -> Standing:
    leading = (make_prediction(median_s=0.8), make_prediction(SPAWN_2, 14.3, p_best=0.0))
    return Standing(leading, part, gain_s, spent_s=9.2, budget_s=60.0)


def test_the_table_shows_what_leads_and_what_the_next_part_can_change():
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(standing_table(standing("8 items in parallel as threads", 3.7)))
    text = console.file.getvalue()
    assert "forkserver with preload, max_concurrent 8" in text
    assert "0.80 s (0.74 to 0.88)" in text
    assert (
        "now: 8 items in parallel as threads (can gain 3.7 s of a run at most); 9 of at most 60 s"
    ) in " ".join(text.split())


def test_no_figure_is_cut_on_a_narrow_terminal():
    batches = replace(SPAWN_2, batch_size=20, workers_in_op=20, worker_kind="thread")
    leading = (make_prediction(batches, 14.3, p_best=0.8), make_prediction(median_s=0.8))
    console = Console(width=79, file=io.StringIO(), color_system=None)
    console.print(standing_table(Standing(leading, "", 0.0, spent_s=9.2, budget_s=60.0)))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 79
    for figure in ("predicted (90 %)", "P(fastest)", "0.80 s (0.74 to 0.88)", "80 %"):
        assert any(figure in line for line in lines), figure


def test_without_a_terminal_each_phase_is_a_line():
    said: list[str] = []
    lines = Lines(said.append)
    lines("drawing the samples", None)
    lines("drawing the samples", 0.1)
    lines.watch(standing())
    lines.watch(standing("8 items in parallel as threads", 3.7))
    lines("8 items in parallel as threads", 0.2)
    assert said == [
        "drawing the samples",
        f"after 9.2 s: {ADVISED}: 0.80 s (0.74 to 0.88)",
        "8 items in parallel as threads",
    ]
