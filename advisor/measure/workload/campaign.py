"""One measurement under way: what the first child showed, and what was measured since."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from advisor.domain.stopping import Unknown
from advisor.domain.work_kind import mostly_waits
from advisor.domain.workload import ConcurrencyProbe
from advisor.measure.budget import Budget
from advisor.measure.loading import Preloadable
from advisor.measure.ops.hotspots import HotspotResult
from advisor.measure.ops.orders import ChainRun, ResourceInit, Scouted, cores_busy
from advisor.measure.workload.children import Children, ProfileRequest


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that may be measured.

    Attributes:
        cost_s: About how long it takes.
    """

    name: str
    tells: Unknown
    cost_s: float
    run: Callable[[], object]


@dataclass
class Campaign:
    """What was measured so far.

    Attributes:
        scouted: What the first child found; never changed.
        repeatable: Whether items may run again in further processes.
        confined: To the first child, since another would have to run the fan-out op again.
        start_s: Seconds until a fresh process is ready to call an op.
        first, preloaded, later, limited: Runs of the chain: the first of their process, those with
            their imports done before, later ones, and later ones with one thread per item.
        attempts: How often each part was begun, here and in the profile that is continued; one
            that gave nothing is not tried for ever.
        known_items: Items, by their places among all, that the continued profile has calls of.
        preloadable: What of the first call's imports may be preloaded; None: not looked at yet.
    """

    children: Children
    scouted: Scouted
    repeatable: bool
    confined: bool
    start_s: float
    preloadable: Preloadable | None = None
    known_items: frozenset[int] = frozenset()
    attempts: Counter[Unknown] = field(default_factory=Counter)
    first: list[ChainRun] = field(default_factory=list)
    preloaded: list[ChainRun] = field(default_factory=list)
    later: list[ChainRun] = field(default_factory=list)
    limited: list[ChainRun] = field(default_factory=list)
    probes: list[ConcurrencyProbe] = field(default_factory=list)
    limited_probes: list[ConcurrencyProbe] = field(default_factory=list)
    hotspots: HotspotResult | None = None
    base_rss_bytes: list[int] = field(default_factory=list)
    forked_rss_bytes: int = 0
    resource_init: list[ResourceInit] = field(default_factory=list)
    _called: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.take([self.scouted.first], self.first)
        self.take(self.scouted.later, self.later)
        self.base_rss_bytes.append(self.scouted.base_rss_bytes)
        self.resource_init.append(self.scouted.resource_init)

    def take(self, runs: Sequence[ChainRun], into: list[ChainRun]) -> None:
        """Keep runs, in the order in which they ran: only one of an item is its first."""
        for run in runs:
            into.append(replace(run, again=run.item in self._called))
            self._called.add(run.item)

    @property
    def request(self) -> ProfileRequest:
        """What is asked."""
        return self.children.request

    @property
    def budget(self) -> Budget:
        """What may still be spent."""
        return self.children.budget

    @property
    def items(self) -> int:
        """In production."""
        return self.request.items or self.scouted.drawn.total

    @property
    def waits(self) -> bool:
        """Whether items mostly wait."""
        return mostly_waits(cores_busy(self.scouted.typical))
