"""`make recording`: what a terminal shows while `profile` measures, into ``docs/live-table.md``.

The command runs in a terminal of its own; what it writes is recorded with its seconds, as
`asciinema` does (``asciinema play docs/pictures/live-table.cast``), and the page shows the screen
at some of them.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parent.parent
CAST = ROOT / "docs" / "pictures" / "live-table.cast"
PAGE = ROOT / "docs" / "live-table.md"
TARGET = "advisor.examples.http_calls:http_job"
COLUMNS, LINES = 79, 30
LONGEST_S = 120.0
FRAMES = 6


def recorded(command: list[str]) -> Iterator[tuple[float, str]]:
    """What the command writes to its terminal, with the seconds since its start."""
    begun_s = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color"})
    size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    try:
        while time.monotonic() - begun_s < LONGEST_S:
            ready, _, _ = select.select([terminal], [], [], 1.0)
            if ready:
                written = os.read(terminal, 65536)
                if not written:
                    break
                yield time.monotonic() - begun_s, written.decode("utf-8", "replace")
    except OSError:
        pass  # so Linux says that the other end is closed
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def screens(events: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """What is on the screen after each event, where it differs from before."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    shown: list[tuple[float, str]] = []
    for at_s, written in events:
        stream.feed(written)
        text = "\n".join(line.rstrip() for line in screen.display).strip("\n")
        if text and (not shown or text != shown[-1][1]):
            shown.append((at_s, text))
    return shown


def page(shown: list[tuple[float, str]]) -> str:
    """The screen at some seconds, evenly over the time that it took, and at the end."""
    last_s = shown[-1][0]
    wanted_s = [last_s * (number + 1) / (FRAMES + 1) for number in range(FRAMES)]
    picked = [max((s for s in shown if s[0] <= at_s), default=shown[0]) for at_s in wanted_s]
    frames = [*dict(picked).items(), shown[-1]]
    blocks = [f"## After {at_s:.1f} s\n\n```text\n{text}\n```" for at_s, text in frames]
    heading = (
        "# While it measures\n\n"
        "Written by `make recording`, the host known and nothing else running:\n"
        f"`dynadvise profile {TARGET} --yes`.\n"
        f"In motion: `asciinema play {CAST.relative_to(ROOT)}` (<https://asciinema.org>).\n"
    )
    return "\n\n".join([heading.rstrip(), *blocks]) + "\n"


def main() -> None:
    program = str(Path(sys.executable).with_name("dynadvise"))
    with tempfile.TemporaryDirectory(prefix="dynadvise-recording-") as folder:
        command = [program, "profile", TARGET, "--yes", "--profiles", folder]
        events = [(at_s, text.replace(folder, "profiles")) for at_s, text in recorded(command)]
    header = {"version": 2, "width": COLUMNS, "height": LINES, "title": f"dynadvise {TARGET}"}
    lines = [json.dumps(header), *(json.dumps([round(at, 3), "o", text]) for at, text in events)]
    CAST.write_text("\n".join(lines) + "\n", encoding="utf-8")
    PAGE.write_text(page(screens(events)), encoding="utf-8")
    sys.stdout.write(f"Written: {PAGE.relative_to(ROOT)}, {CAST.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
