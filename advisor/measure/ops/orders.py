"""What the children of one measurement are asked, and what they answer."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from advisor.domain.item_sample import ItemSample, RunIdentity
from advisor.domain.options import Storing
from advisor.domain.workload import StoredValue, WorkloadDescription
from advisor.measure import tuning
from advisor.measure.ops.results import Parts

MOST_CALLS = 120
"""Most later calls of the first child."""

MOST_HOOK_CALLS = 3
"""Calls of an op in a process after which its hooks are called too: they may tell people."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What every child of one measurement is told.

    Attributes:
        workspace: Folder of this measurement, where the items lie once they are drawn.
        inputs: ``--inputs``; None where the job itself yields the items.
        samples: Most items to keep.
        item_timeout_s: Seconds after which one call of an op counts as hung.
        setup, teardown: ``module:callable`` around the measured calls.
        storing: Which IO managers of the project's own store the outputs.
        first_items: Whether the samples are the first items; else they are spread over all.
        draw_timeout_s: Seconds after which drawing the items counts as hung; None: never.
        run: That the calls of all children seem to be of.
        item_bytes: What an item takes beyond its process's own memory: touched before it is timed.
    """

    description: WorkloadDescription
    run_config: Mapping[str, object] | None
    workspace: str
    inputs: str | None
    samples: int
    item_timeout_s: float
    setup: str | None = None
    teardown: str | None = None
    storing: Storing = Storing.BY_RUN
    first_items: bool = False
    draw_timeout_s: float | None = None
    run: RunIdentity = field(default_factory=RunIdentity)
    item_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DrawnItems:
    """What is known of the sampled items; the items themselves lie in the workspace.

    ``positions`` are their places among all ``total`` items. ``unpicklable`` is the reason why
    they do not lie there; every child then draws them anew. ``run_tags`` are those that the run
    had then.
    """

    total: int
    positions: tuple[int, ...]
    keys: tuple[str | None, ...]
    fan_out_s: float | None
    upstream_s: float
    unpicklable: str | None = None
    run_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChainRun:
    """One run of the chain on one item: a sample per op that it reached, and what it gave.

    Attributes:
        samples: By the handle of the op, in order.
        unpicklable: Handle of an op to the reason why its outputs cannot be pickled.
        again: Whether the item was called before.
    """

    item: int
    samples: Mapping[str, ItemSample]
    unpicklable: Mapping[str, str] = field(default_factory=dict)
    result: Parts = field(default_factory=dict)
    again: bool = False

    @property
    def wall_s(self) -> float:
        """Seconds of all calls of the chain."""
        return sum(sample.wall_s for sample in self.samples.values())

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all calls of the chain."""
        return sum(sample.cpu_s for sample in self.samples.values())

    @property
    def waited_s(self) -> float:
        """Seconds of all calls of the chain that were not computed."""
        return max(0.0, self.wall_s - self.cpu_s)

    @property
    def output_bytes(self) -> int:
        """Of the last op that it reached."""
        return list(self.samples.values())[-1].output_bytes

    @property
    def stored_bytes(self) -> int:
        """Of the item, and of what each op that it reached made of it."""
        samples = list(self.samples.values())
        return samples[0].input_bytes + sum(sample.output_bytes for sample in samples)


def cores_busy(runs: Sequence[ChainRun]) -> float:
    """CPU over wall clock of the calls."""
    wall_s = sum(run.wall_s for run in runs)
    return sum(run.cpu_s for run in runs) / max(wall_s, 1e-9)


@dataclass(frozen=True, slots=True)
class ResourceInit:
    """Starting the resources of the mapped ops, once."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class ScoutOrder:
    """The first child's order: draw the items, call first and later ones.

    Attributes:
        later_s: Seconds to spend on later calls.
        most_s: Seconds after which no further call begins, from the child's start.
        steady_se: Standard error of the mean of log item seconds at which later calls end.
        each_once: Whether no item may run twice.
        reserved: Items to leave alone, for other children's first calls; half of them at most.
        collect: Whether to run the collecting ops on the sampled outputs, for their seconds.
    """

    assignment: Assignment
    later_s: float
    most_s: float
    steady_se: float
    each_once: bool
    reserved: int
    seed: int
    collect: bool = False


@dataclass(frozen=True, slots=True)
class Scouted:
    """What the first child found."""

    drawn: DrawnItems
    first: ChainRun
    later: tuple[ChainRun, ...]
    imported: tuple[str, ...]
    resource_init: ResourceInit
    base_rss_bytes: int
    start_s: float
    collect_s: float | None
    collect_items: int
    executions: int
    repeatable: bool
    forkable: bool
    notes: tuple[str, ...] = ()
    yielded: tuple[StoredValue, ...] = ()
    collected: tuple[StoredValue, ...] = ()

    @property
    def typical(self) -> tuple[ChainRun, ...]:
        """The later calls; the first one where there are none."""
        return self.later or (self.first,)

    @property
    def expected_s(self) -> dict[int, float]:
        """Item to its seconds alone in a process that is warm; as far as any was measured."""
        walls_s: dict[int, list[float]] = {}
        for run in self.typical:
            walls_s.setdefault(run.item, []).append(run.wall_s)
        return {item: statistics.median(each) for item, each in walls_s.items()}

    @property
    def typical_s(self) -> float:
        """Seconds of an item alone, on average."""
        return statistics.fmean(self.expected_s.values())

    @property
    def needs_warm_up(self) -> bool:
        """Whether a first call is so unlike later ones, or so cheap, as to go before them."""
        each_s = self.typical_s
        return self.first.wall_s > tuning.WARM_UP * each_s or each_s < tuning.SHORT_S

    @property
    def first_waited_s(self) -> float:
        """Seconds that the first call waited beyond all later ones, its own item's among them.

        0 where that item was not called again: it may be a long one.
        """
        if all(run.item != self.first.item for run in self.later):
            return 0.0
        return self.first.waited_s - max(run.waited_s for run in self.later)

    @property
    def results_alone(self) -> dict[int, list[Parts]]:
        """Item to what its calls alone gave."""
        results: dict[int, list[Parts]] = {}
        for run in (self.first, *self.later):
            results.setdefault(run.item, []).append(run.result)
        return results

    @property
    def peak_bytes(self) -> int:
        """Most memory that an item took beyond its process's own."""
        return max(call.peak_rss_bytes for run in self.typical for call in run.samples.values())


@dataclass(frozen=True, slots=True)
class CallsOrder:
    """A further child's order: call the chain on items, in this order.

    Attributes:
        most_s: Seconds of calls after which no further one begins; the first always does.
        warm_up: Whether a call comes first that is not measured.
        preload: Modules to import before.
    """

    assignment: Assignment
    drawn: DrawnItems
    items: tuple[int, ...]
    most_s: float = math.inf
    warm_up: bool = False
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """Calls in a fresh process, and what it was like before."""

    runs: tuple[ChainRun, ...]
    resource_init: ResourceInit
    base_rss_bytes: int
    executions: int
