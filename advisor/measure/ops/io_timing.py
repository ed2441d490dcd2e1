"""Seconds that the ops' own IO managers take to store and to load outputs."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.dagster_bridge.process_usage import delayed_by_others_s
from advisor.domain.workload import MappedOp
from advisor.measure.first_touch import touch_memory
from advisor.measure.meter import delay_of

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation

_METHODS = ("handle_output", "load_input")
_STORED_ITEMS = 16  # of which storing and loading is timed; enough for a median


@dataclass
class IoTimes:
    """Seconds to store and to load, by op and item; of a few items each."""

    invocation: Invocation
    _seconds: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)
    _unfit: set[str] = field(default_factory=set)
    _waited: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def measured(self, op: MappedOp) -> bool:
        """Whether any value of the op was stored."""
        return bool(self._seconds.get(op.handle))

    def mean(self, op: MappedOp) -> tuple[float, float]:
        """Mean seconds to store and to load an item's outputs, of those measured."""
        stores, loads = zip(*self._seconds[op.handle].values(), strict=True)
        return statistics.fmean(stores), statistics.fmean(loads)

    def of(self, op: MappedOp, item: int) -> tuple[float, float]:
        """Seconds to store and to load an item's outputs, or the median of those measured."""
        measured = self._seconds.get(op.handle, {})
        if item in measured:
            return measured[item]
        if not measured:
            return 0.0, 0.0
        stores, loads = zip(*measured.values(), strict=True)
        return statistics.median(stores), statistics.median(loads)

    def wait_share(self, op: MappedOp) -> float:
        """Of those seconds, the share in which nothing was computed."""
        walls_s, waits_s = map(sum, zip(*self._waited.get(op.handle, [(0.0, 0.0)]), strict=True))
        return waits_s / walls_s if walls_s > 0 else 0.0

    def measure(
        self,
        op: MappedOp,
        outputs: Mapping[str, object],
        item: int,
        *,
        loaded: bool,
        value_bytes: int = 0,
    ) -> None:
        """Time the op's own IO manager on the outputs, where it has not been on enough.

        Raises:
            Exception: What an IO manager raises outside of a run; the op is then left alone.
        """
        measured = self._seconds.setdefault(op.handle, {})
        if item in measured or len(measured) >= _STORED_ITEMS or op.handle in self._unfit:
            return
        self._unfit.add(op.handle)
        with self.timing(op, value_bytes) as spent:
            self.invocation.values.store(op, outputs, item)
            if loaded:
                self.invocation.values.load(op, item, outputs)
        self._unfit.discard(op.handle)
        measured[item] = spent["handle_output"], spent["load_input"]
        waited = sum(measured[item]), spent["waiting"]
        self._waited.setdefault(op.handle, []).append(waited)

    @contextlib.contextmanager
    def timing(self, op: MappedOp, value_bytes: int) -> Iterator[dict[str, float]]:
        """Seconds inside the op's IO managers alone, by method, while the block runs; and waiting.

        The contexts that they are given are built around it, which a run does too, but otherwise.
        What a value of that size takes, pickled and as a file, is memory that was just used.
        """
        touch_memory(2 * value_bytes)
        spent = dict.fromkeys(_METHODS, 0.0)
        waiting_s = 0.0
        managers = self.invocation.values.managers(op)

        def clocked(method: str, original: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object) -> object:
                nonlocal waiting_s
                before = _clocks()
                try:
                    return original(*arguments)
                finally:
                    wall_s, cpu_s, delayed_s = (
                        now - then for now, then in zip(_clocks(), before, strict=True)
                    )
                    spent[method] += wall_s - delay_of(wall_s, cpu_s, delayed_s)
                    waiting_s += max(0.0, wall_s - cpu_s - delayed_s)

            return call

        try:
            for manager in managers:
                for method in _METHODS:
                    # past pydantic, which guards the attributes of a ConfigurableIOManager
                    object.__setattr__(manager, method, clocked(method, getattr(manager, method)))
            yield spent
            spent["waiting"] = waiting_s
        finally:
            for manager in managers:
                for method in _METHODS:
                    manager.__dict__.pop(method, None)


def _clocks() -> tuple[float, float, float]:
    """Seconds: of the wall clock, computed, and ready to compute while others had the cores."""
    return time.perf_counter(), time.process_time(), delayed_by_others_s()
