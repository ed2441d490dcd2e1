"""What is asynchronous: told, run to its end, and timed while it holds its event loop."""

import asyncio
import inspect
import selectors
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

_HELD = threading.local()


class _TimedSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type, unused-ignore]
    """Counts the seconds in which the loop had nothing to run: it is asked for events then."""

    waited_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        started = time.perf_counter()
        try:
            return super().select(timeout)
        finally:
            self.waited_s += time.perf_counter() - started


def run_to_end(awaited: Coroutine[Any, Any, object]) -> object:
    """The coroutine's result; :func:`held_s` then tells of it.

    Before Python 3.11 a runner takes no loop of ours, and nothing is timed.
    """
    if sys.version_info < (3, 11):
        return asyncio.run(awaited)
    selector = _TimedSelector()
    started = time.perf_counter()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        try:
            return runner.run(awaited)
        finally:
            _HELD.seconds = time.perf_counter() - started - selector.waited_s


def held_s() -> float | None:
    """Seconds in which this thread's last coroutine held its loop, told once; None: had none."""
    seconds: float | None = getattr(_HELD, "seconds", None)
    _HELD.seconds = None
    return seconds


def is_async(function: Callable[..., Any] | None) -> bool:
    """Whether calling it gives a coroutine or an asynchronous generator."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def is_generator(function: Callable[..., Any] | None) -> bool:
    """Whether calling it gives a generator, asynchronous or not."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
