"""How much items slow each other when several run at once, as threads and as processes.

Measured, not assumed: memory bandwidth, the GIL, a lock, or a remote that throttles all show.
A probe is taken between two passes of the same items alone, so that a machine whose speed
drifts does not pass for contention.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import fmean, median, quantiles

from advisor.domain.trial import RateLimit
from advisor.domain.workload import ConcurrencyProbe
from advisor.measure.first_touch import touch_memory
from advisor.measure.ops.parallel import ProbeOrder, Timed, Workers, processes, threads
from advisor.measure.ops.results import Parts, compare

_WORKER_S = 0.25  # each worker should be at work at least this long, for short items
_MOST_ROUNDS = 50
_ALONE_ITEMS = 4
_ALONE_S = 1.0  # a pass alone takes no longer than this, but one item
_QUICKER = 0.8  # of its seconds alone before, as an item is that finds its files in a cache now
_FEWEST_BEFORE, _FEWEST_AFTER = 5, 8
_RISE = 3.0  # times its seconds before, from which a call is held up and not only disturbed
_FASTER = 1.5  # times as many calls per second ended before
_STEADY = 1.3  # times the earlier gaps, up to which the later ones are still the same rate
_EVEN = 2.0  # most that spans of as many ends may differ from their median: a clock, no crowd
_SPANS = 10


@dataclass(frozen=True, slots=True)
class Probed:
    """The probe, how often the chain was run for it, and what a forked process has of its own.

    ``forked_rss_bytes`` is 0 where none was forked.
    """

    probe: ConcurrencyProbe
    executions: int
    forked_rss_bytes: int = 0


@dataclass
class _Passes:
    """Passes alone and in parallel, and what follows from them."""

    order: ProbeOrder
    pool: Workers
    alone: dict[int, list[float]] = field(default_factory=dict)
    results: dict[int, list[Parts]] = field(init=False)
    executions: int = 0
    rate: RateLimit | None = None

    def __post_init__(self) -> None:
        self.results = {
            item: list(item_results) for item, item_results in self.order.results.items()
        }

    def _alone_items(self) -> list[int]:
        """A few items that take a short time together; short ones again and again."""
        items: list[int] = []
        spent_s = 0.0
        few = min(_ALONE_ITEMS, len(self.order.expected_s))
        for item in itertools.islice(itertools.cycle(self._items()), _MOST_ROUNDS):
            spent_s += self.order.expected_s[item]
            enough = len(items) >= few and spent_s > _WORKER_S
            if items and (enough or spent_s > _ALONE_S):
                break
            items.append(item)
        return items

    def _items(self) -> list[int]:
        return list(self.order.expected_s)

    def pass_alone(self) -> Timed | None:
        """Run a few items one after another; the call that failed, if any."""
        (timed,) = self.pool.run([self._alone_items()])
        self.executions += len(timed)
        walls: dict[int, list[float]] = {}
        for entry in timed:
            if entry.failed:
                return entry
            walls.setdefault(entry.item, []).append(entry.wall_s)
            self.results.setdefault(entry.item, []).append(entry.result)
        self._look_for_rate([timed], self.order.expected_s.__getitem__)
        for item, item_walls in walls.items():
            self.alone.setdefault(item, []).append(statistics.fmean(item_walls))
        return None

    def again(self, item: int) -> Parts | None:
        """What an item gives when it is called alone once more; None where it failed."""
        ((timed,),) = self.pool.run([[item]])
        self.executions += 1
        return None if timed.failed else timed.result

    def lists(self) -> tuple[tuple[int, ...], ...]:
        """The same items for all workers at once, each worker with the next one."""
        items, workers = self._items(), self.order.workers
        typical_s = statistics.fmean(self.order.expected_s.values())
        most = _MOST_ROUNDS if workers <= 4 else 3
        rounds = max(1, min(most, round(_WORKER_S / max(typical_s, 1e-4))))
        if workers * typical_s * rounds > self.order.most_s:
            rounds = 1
        # every worker takes the items in turn, from a place of its own
        return tuple(
            tuple(items[(worker + turn) % len(items)] for turn in range(rounds))
            for worker in range(workers)
        )

    def probe(self) -> ConcurrencyProbe:
        """Alone, in parallel, alone again."""
        workers = self.order.workers
        if self.order.passes_alone > 0 and (failed := self.pass_alone()):
            return self._failed(failed, "alone")
        lists = self.lists()
        self.executions += sum(map(len, lists))
        touch_memory(workers * self.order.assignment.item_bytes)
        by_worker = self.pool.run(lists)
        together = [entry for each in by_worker for entry in each]
        if raised := next((entry for entry in together if entry.failed), None):
            return self._failed(raised, f"{workers} in parallel")
        if self._needs_pass_after(together) and (failed := self.pass_alone()):
            return self._failed(failed, "afterwards")
        drift = self._drift()
        alone_s = [self._alone_s(entry.item, drift) for entry in together]
        longest_s = max(sum(self._alone_s(item, drift) for item in each) for each in lists)
        walls_s = [entry.wall_s for entry in together]
        self._look_for_rate(by_worker, lambda item: self._alone_s(item, drift))
        slowdown = sum(walls_s) / sum(alone_s)
        results = [(entry.item, entry.result) for entry in together]
        verdict = compare(self.results, results, self.again)
        comparison = verdict.comparison
        if comparison.item is not None:
            place = self.order.drawn.positions[comparison.item]
            comparison = replace(comparison, item=place)
        return ConcurrencyProbe(
            self.order.kind,
            workers,
            slowdown,
            items=lists,
            comparison=comparison,
            evidence=verdict.evidence,
            error=ratio_error(walls_s, alone_s),
            rate=self.rate,
            makespan=max(sum(entry.wall_s for entry in each) for each in by_worker) / longest_s,
        )

    def _needs_pass_after(self, together: Sequence[Timed]) -> bool:
        """Whether items must run alone once more: always, or as they are quicker by now."""
        expected_s = sum(self.order.expected_s[entry.item] for entry in together)
        quicker = sum(entry.wall_s for entry in together) < _QUICKER * expected_s
        return self.order.passes_alone > 1 or (quicker and not self.alone)

    def _look_for_rate(
        self, by_worker: Sequence[Sequence[Timed]], alone_s: Callable[[int], float]
    ) -> None:
        """Whether calls were let through at a rate after a while; the first such finding stays."""
        calls = [[(entry.wall_s, alone_s(entry.item)) for entry in each] for each in by_worker]
        self.rate = self.rate or rate_limit(calls)

    def _failed(self, entry: Timed, when: str) -> ConcurrencyProbe:
        return ConcurrencyProbe(
            self.order.kind,
            self.order.workers,
            0.0,
            entry.failed,
            evidence=f"{when}: {entry.evidence}",
        )

    def _drift(self) -> float:
        """This child's speed alone now, over that of the first child."""
        if not self.alone:
            return 1.0
        now_s = sum(statistics.fmean(walls) for walls in self.alone.values())
        return now_s / sum(self.order.expected_s[item] for item in self.alone)

    def _alone_s(self, item: int, drift: float) -> float:
        walls = self.alone.get(item)
        return statistics.fmean(walls) if walls else self.order.expected_s[item] * drift


def probe(order: ProbeOrder) -> Probed:
    """Take a probe."""
    start = processes if order.kind == "process" else threads
    with start(order) as pool:
        passes = _Passes(order, pool)
        probed = passes.probe()
        return Probed(probed, passes.executions + pool.warmed, pool.forked_rss_bytes)


def ratio_error(walls_s: Sequence[float], alone_s: Sequence[float]) -> float:
    """Relative standard error of a ratio of sums, by its parts' residuals."""
    ratio = sum(walls_s) / sum(alone_s)
    off = [wall - ratio * alone for wall, alone in zip(walls_s, alone_s, strict=True)]
    freedom = len(off) / max(1, len(off) - 1)
    return math.sqrt(freedom * sum(each**2 for each in off)) / max(1e-9, sum(walls_s))


def rate_limit(calls: Sequence[Sequence[tuple[float, float]]]) -> RateLimit | None:
    """The rate at which calls end after a while, where they took much less before.

    Cores or locks that calls share hold them up from the first one on; a bucket of tokens is
    emptied first, and then lets one through at a time, evenly.

    Args:
        calls: For each worker, all of which begin together, its calls in their order: their
            seconds, and those of the same item alone.
    """
    ended = sorted(_ends(calls))
    n = len(ended)
    for before in range(_FEWEST_BEFORE, n - _FEWEST_AFTER + 1):
        early, late = ended[:before], ended[before:]
        gaps_s = [then - now for (now, _), (then, _) in pairwise(late)]
        slower = median(ratio for _, ratio in late) / median(ratio for _, ratio in early)
        if slower >= _RISE and _is_even(gaps_s):
            per_s = len(gaps_s) / sum(gaps_s)
            faster = before >= _FASTER * per_s * early[-1][0]
            return RateLimit(per_s, before) if faster else None
    return None


def _ends(calls: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """When each call ended, and how many times its seconds alone it took."""
    ends = []
    for worker in calls:
        now_s = 0.0
        for wall_s, alone_s in worker:
            now_s += wall_s
            ends.append((now_s, wall_s / max(alone_s, 1e-9)))
    return ends


def _is_even(gaps_s: Sequence[float]) -> bool:
    half = len(gaps_s) // 2
    if fmean(gaps_s[-half:]) > _STEADY * fmean(gaps_s[:half]):
        return False  # it grows ever slower: that is no rate
    each = max(1, len(gaps_s) // _SPANS)  # a busy machine ends some calls late, and the next soon
    starts = range(0, len(gaps_s) - each + 1, each)
    spans_s = [sum(gaps_s[start : start + each]) for start in starts]
    typical_s = median(spans_s)
    tenths = quantiles(spans_s, n=10)
    return typical_s > 0 and tenths[0] * _EVEN >= typical_s and tenths[-1] <= _EVEN * typical_s
