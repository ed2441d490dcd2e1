"""Progress of long measurements: on stderr, and only where somebody is looking at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from advisor.measure.progress import Progress, silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_lines: list[Bar] = []


@contextmanager
def progress_on_stderr(*, quiet: bool = False, color: bool | None = None) -> Iterator[Progress]:
    """A progress line on stderr while the block runs; nothing where stderr is no terminal.

    Args:
        quiet: Show nothing at all.
        color: Force colour on or off; None leaves it to rich (``NO_COLOR`` is honoured).
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, no_color=None if color is None else not color)
    columns = (
        SpinnerColumn(),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, start=True)

        def show(message: str, fraction: float | None = None) -> None:
            if fraction is None:
                bar.update(task, description=message)
            else:
                bar.update(task, description=message, total=1.0, completed=min(1.0, fraction))

        _lines.append(bar)
        try:
            yield show
        finally:
            _lines.remove(bar)


@contextmanager
def paused() -> Iterator[None]:
    """No progress line while the block asks something: it would be drawn over the question."""
    for bar in _lines:
        bar.stop()
    yield
    for bar in _lines:
        bar.start()
