"""What stands on the screen of a terminal while a long command runs."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from contextlib import suppress

QUESTION = """
from advisor.cli.consent import is_agreed
from advisor.cli.context import CommandContext
state = CommandContext()
with state.progress() as progress:
    progress("importing shop.chunks", 0.0)
    is_agreed(state, ["Will run 'split' once."], None)
"""

SCRIPT = """
import time
from advisor.cli.context import CommandContext
state = CommandContext()
with state.progress() as progress:
    progress("importing shop.chunks", 0.0)
    time.sleep(0.3)  # until the line has been drawn
    progress.announce("Will run 'split' once.")
    state.warn("slow disk")
"""


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
