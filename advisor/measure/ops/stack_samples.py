"""Stacks of this process, sampled by pyinstrument, with what each computed.

The one file that touches pyinstrument. A test pins the two internals that it needs: the method by
which the sampler hands a stack over, and the form of the identifiers of frames.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType

from advisor.dagster_bridge.process_memory import delayed_by_others_s
from advisor.dagster_bridge.user_frames import Frame


@dataclass(frozen=True, slots=True)
class StackSample:
    """One sample: the stack, outermost frame first, its wall seconds and CPU seconds.

    A frame's line is the one being executed (0: a C function).
    ``cpu_s`` is CPU time of the process, and the time for which it could have run but found no
    free core.
    """

    stack: tuple[Frame, ...]
    wall_s: float
    cpu_s: float


class StackSampler:
    """Samples the stacks of this thread, every ``interval_s`` seconds, until it is stopped."""

    def __init__(self, interval_s: float) -> None:
        from pyinstrument import Profiler

        # An op's event loop runs inside the profiled call, so it needs no async mode.
        self._profiler = Profiler(interval=interval_s, async_mode="disabled")
        self._cpu_s: list[float] = []
        self._last_s = 0.0
        take_stack = self._profiler._sampler_saw_call_stack

        def take_cpu_and_stack(*arguments: object) -> None:
            self._cpu_s.append(_busy_s() - self._last_s)
            take_stack(*arguments)  # type: ignore[arg-type]
            self._last_s = _busy_s()

        self._profiler._sampler_saw_call_stack = take_cpu_and_stack  # type: ignore[assignment,method-assign]

    def start(self, caller: FrameType | None) -> None:
        """Begin; ``caller`` is the frame below which stacks are told."""
        self._profiler.start(caller_frame=caller)
        self._last_s = _busy_s()

    def stop(self) -> list[StackSample]:
        """End, and give the samples in their order."""
        records = self._profiler.stop().frame_records
        return [
            StackSample(_frames(stack), wall_s, cpu_s)
            for (stack, wall_s), cpu_s in zip(records, self._cpu_s, strict=False)
        ]

    def html(self) -> str:
        """Pyinstrument's own page of the samples."""
        return self._profiler.output_html()


def _busy_s() -> float:
    """Seconds of work of this process so far."""
    return time.process_time() + delayed_by_others_s()


def _frames(stack: Iterable[str]) -> tuple[Frame, ...]:
    """Read pyinstrument's frame identifiers: function, file, first line, attributes."""
    frames = []
    for identifier in stack:
        function, file, rest = identifier.split("\x00", 2)
        if file == "<thread>":
            continue
        first_line, *attributes = rest.replace("\x00", "\x01").split("\x01")
        lines = [each[1:] for each in attributes if each[:1] == "l" and each[1:].isdigit()]
        line = int(next(iter(lines), "0")) or (int(first_line) if first_line.isdigit() else 0)
        frames.append(Frame(file, line, function))
    return tuple(frames)
