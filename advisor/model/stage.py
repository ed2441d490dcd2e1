"""One op of the mapped chain in figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


CallKind = Literal["first", "preloaded", "later"]


@dataclass(frozen=True, slots=True)
class ExtraCost:
    """What a step costs beyond a later call: CPU and waiting seconds."""

    cpu_s: float = 0.0
    wait_s: float = 0.0

    @property
    def wall_s(self) -> float:
        """Both together."""
        return self.cpu_s + self.wait_s


@dataclass(frozen=True, slots=True)
class Stage:
    """One op of the mapped chain; arrays hold one entry a call.

    ``wall_s`` and ``cpu_s`` are later calls (first calls less their extra where there is no
    later one). ``load_s`` and ``store_s`` are through the IO manager, and ``io_wait_share`` of them
    waits. ``held_s`` is how long an asynchronous op held its event loop; None where that was not
    measured. ``takers`` tells which items take the op, whose seconds are 0 for the others; None:
    all do. ``hooks`` are called once in a step. ``events`` a call has Dagster record on average,
    beside every step's own; one of an asset counts for more (`mean_events`). ``messages`` of them
    go to the parent of a step's process.
    """

    wall_s: FloatArray
    cpu_s: FloatArray
    load_s: FloatArray
    store_s: FloatArray
    first: ExtraCost = ExtraCost()
    preloaded: ExtraCost = ExtraCost()
    resources: ExtraCost = ExtraCost()
    hooks: ExtraCost = ExtraCost()
    held_s: FloatArray | None = None
    io_wait_share: float = 0.0
    takers: NDArray[np.bool_] | None = None
    events: float = 0.0
    messages: float = 0.0

    @property
    def share(self) -> float:
        """The share of the items that take this op."""
        return 1.0 if self.takers is None else float(self.takers.mean())

    @property
    def loop_s(self) -> FloatArray:
        """How long calls hold their event loop: as measured, else while they compute."""
        return self.cpu_s if self.held_s is None else self.held_s

    def with_another(self, calls_each: int, factor: float) -> Stage:
        """The op with one more item: the last one's calls, by a factor longer."""

        def longer(column: FloatArray) -> FloatArray:
            return np.concatenate([column, factor * column[-calls_each:]])

        return replace(
            self,
            wall_s=longer(self.wall_s),
            cpu_s=longer(self.cpu_s),
            load_s=np.append(self.load_s, self.load_s[-calls_each:]),
            store_s=np.append(self.store_s, self.store_s[-calls_each:]),
            held_s=None if self.held_s is None else longer(self.held_s),
            takers=None
            if self.takers is None
            else np.append(self.takers, self.takers[-calls_each:]),
        )

    def first_call_extra(self, call: CallKind) -> ExtraCost:
        """What a call of this kind costs beyond a later one."""
        return {"first": self.first, "preloaded": self.preloaded, "later": ExtraCost()}[call]
