"""Progress of long commands on stderr: a line that changes, and how a measurement stands below it.

On a terminal it is drawn; elsewhere each phase is one line, where the command asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.domain.measured import Standing
from advisor.domain.quantities import interval, percent, seconds

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

_live: list[Live] = []


class Display:
    """Shows nothing; the base of what shows something."""

    def __call__(self, message: str, fraction: float | None = None) -> None:
        """Show what is being done, and the share done; None: it is not known."""

    def watch(self, standing: Standing) -> None:
        """Show how a measurement stands."""


class Lines(Display):
    """Each phase as a line, where nobody looks at a terminal.

    What comes before anything is begun (a share of 0) is left out, unless all is asked for: the
    first line shall be what will be run.
    """

    def __init__(self, say: Callable[[str], None], *, everything: bool = False) -> None:
        self._say, self._everything = say, everything
        self._last = ""

    def __call__(self, message: str, fraction: float | None = None) -> None:
        """One line a new phase."""
        if message != self._last and (self._everything or fraction != 0.0):
            self._last = message
            self._say(message)

    def watch(self, standing: Standing) -> None:
        """The advice as it is, in one line."""
        if not standing.part and standing.leading:
            first = standing.leading[0]
            leader = f"{first.candidate.label}: {interval(first.makespan_s)}"
            self._say(f"after {seconds(standing.spent_s)}: {leader}")


class Terminal(Display):
    """A line with a bar, and below it the ways that lead while a measurement gets sharper."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            SpinnerColumn(),
            BarColumn(20),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._task = self._bar.add_task("", total=None)
        self._standing: Standing | None = None
        self._stood_s = 0.0

    def __call__(self, message: str, fraction: float | None = None) -> None:
        """Change the line."""
        if fraction is None:
            self._bar.update(self._task, description=message)
        else:
            done = min(1.0, fraction)
            self._bar.update(self._task, description=message, total=1.0, completed=done)

    def watch(self, standing: Standing) -> None:
        """Change the table."""
        self._standing, self._stood_s = standing, time.monotonic()

    def drawn(self) -> Group:
        """What stands on the screen now."""
        from rich.console import Group

        if self._standing is None:
            return Group(self._bar)
        spent_s = self._standing.spent_s + time.monotonic() - self._stood_s
        return Group(standing_table(replace(self._standing, spent_s=spent_s)), self._bar)


def standing_table(standing: Standing) -> Group:
    """The ways that lead, with their intervals, and what the part under way can change."""
    from rich.console import Group
    from rich.table import Table

    changes = f" (can gain {seconds(standing.gain_s)} of a run at most)" if standing.gain_s else ""
    part = f"now: {standing.part}{changes}; " if standing.part else ""
    spent = f"{standing.spent_s:.0f} of at most {standing.budget_s:.0f} s"
    table = Table(box=None, pad_edge=False)
    table.add_column("way to run, so far", overflow="fold")  # alone: figures are never cut
    table.add_column("predicted (90 %)", justify="right", no_wrap=True)
    table.add_column("P(fastest)", justify="right", no_wrap=True)
    for place, way in enumerate(standing.leading):
        tried = "" if place == 0 else "dim"
        cells = (way.candidate.label, interval(way.makespan_s), percent(way.p_best))
        table.add_row(*cells, style=tried)
    return Group(table, f"{part}{spent}")


@contextmanager
def drawn(*, color: bool) -> Iterator[Display]:
    """Progress on the terminal that stderr is, while the block runs."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, no_color=not color)
    display = Terminal()
    with Live(get_renderable=display.drawn, console=console, transient=True) as live:
        _live.append(live)
        try:
            yield display
        finally:
            _live.remove(live)


@contextmanager
def paused() -> Iterator[None]:
    """No progress while the block asks something: it would be drawn over the question."""
    for live in _live:
        live.stop()
    yield
    for live in _live:
        live.start()
