"""What a side of the gate is asked, and what it answers: both cross a process's border."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.domain.errors import DynadviseError
from advisor.domain.item_sample import ItemSample
from advisor.domain.workload import MappedOp, SourceLocation, WorkloadDescription
from advisor.measure.ops.orders import DrawnItems
from advisor.measure.ops.results import Parts

Side = Literal["base", "head"]
OTHER: Mapping[Side, Side] = {"base": "head", "head": "base"}
Inputs = dict[str, list[dict[str, object]]]
"""Handle of an op to its inputs, item by item."""

_MEMOISED = 0.2  # a repeat that takes less than this share of the call before was looked up
SHORTEST_S = 1e-4
"""Below it, the clock and the call's own cost are what is measured."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one side.

    Attributes:
        root: Root of the repository, or of the project where there is none.
        foreign_root: Root of the other side, from which nothing may be loaded; None without one.
        working_directory: Importable folder, as for Dagster's own command line.
        python_path: Further importable folders of this tree (a ``src`` layout, say).
    """

    side: Side
    root: str
    working_directory: str
    python_path: tuple[str, ...] = ()
    foreign_root: str | None = None


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """What to survey.

    Attributes:
        target, job: As the user spelled them.
        inputs: File (absolute) or ``module:callable`` with sample inputs; None: the target's own.
        samples: Most items to call the ops on.
        samples_file: Where to leave the drawn inputs for the timing.
        other_samples_file: The other side's, to see whether this side can read it.
        item_timeout_s: Longest that one call may take.
    """

    tree: Tree
    target: str
    job: str | None
    run_config: Mapping[str, object]
    inputs: str | None
    samples: int
    samples_file: str
    other_samples_file: str | None = None
    item_timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class OpSurvey:
    """What one pass of calls told of one op.

    Attributes:
        calls: One sample an item; the first is the first call in its process.
        repeat_s: A second call on the last item, to see whether results are kept.
        modules: Modules beyond Dagster's own in the process after the first call.
        failed: Why it has no measurement, in words with file and line.
    """

    op: MappedOp
    calls: tuple[ItemSample, ...] = ()
    repeat_s: float | None = None
    modules: int = 0
    failed: str | None = None

    @property
    def handle(self) -> str:
        """The op's step key without a mapping key."""
        return self.op.handle

    @property
    def location(self) -> SourceLocation | None:
        """Where the op's function stands in the user's code."""
        return self.op.location

    @property
    def errors(self) -> int:
        """Calls that logged an error."""
        return sum(call.errors_logged > 0 for call in self.calls)

    @property
    def warm_s(self) -> float:
        """Median seconds of a call after the first, where there was one."""
        later = self.calls[1:] or self.calls
        return statistics.median(call.wall_s for call in later) if later else 0.0

    @property
    def memoises(self) -> bool:
        """Whether a repeated call is answered from a store of results."""
        if self.repeat_s is None or len(self.calls) < 2:
            return False
        return self.repeat_s < _MEMOISED * self.calls[-1].wall_s


@dataclass(frozen=True, slots=True)
class Survey:
    """One side, surveyed.

    Attributes:
        items: Items that the fan-out yields, or inputs that there are.
        steps, events: Of one run, as the graph and the items give them; None for a bare op.
        samples_kept: Whether the inputs could be pickled for the timing.
        reads_other: Whether the other side's inputs load here.
        executions: Calls of the user's ops in all.
    """

    description: WorkloadDescription
    items: int
    ops: tuple[OpSurvey, ...]
    steps: int | None
    events: int | None
    samples_kept: bool
    reads_other: bool
    executions: int
    drawn: DrawnItems


@dataclass(frozen=True, slots=True)
class TimingRequest:
    """What to time in one fresh process.

    Attributes:
        ops: Handles of the ops, in order.
        repeats: Handle to timed calls an item; 1 for an op that keeps its results.
        turns: Handle to the number of turns in which the calls are made.
        samples_file: Inputs to read; None: run the chain on the items once more.
        baton: How to take turns with the other process; None: there is no other.
    """

    survey: SurveyRequest
    ops: tuple[str, ...]
    repeats: Mapping[str, int]
    turns: Mapping[str, int]
    samples_file: str | None
    drawn: DrawnItems
    baton: BatonRequest | None = None


@dataclass(frozen=True, slots=True)
class BatonRequest:
    """How two processes take turns.

    Attributes:
        folder: Holds a named pipe for each side, by which it is told that it is its turn.
        seed: Of the order; the same for both sides.
    """

    folder: str
    seed: str


@dataclass(frozen=True, slots=True)
class OpCalls:
    """One op's timed calls in one process: seconds by item and repeat, or why there are none.

    Seconds are of the wall clock without those in which the thread waited for a core. ``result``
    are the parts of what the first item gave.
    """

    calls_s: tuple[tuple[float, ...], ...] = ()
    failed: str | None = None
    result: Parts = field(default_factory=dict)


class SideFailedError(DynadviseError):
    """One side as a whole could not be measured."""
