"""Dagster's pools, and limits of steps by tag, as a run's executor meets them.

A step whose pool has no free slot stays *pending*, first come first served. When a slot is freed,
the storage assigns it to the first pending step, but that step asks again only when its own time
has come: after 1 s, and each time 1.1 times as long, up to 15 s
(``dagster/_core/execution/plan/instance_concurrency_context.py``). The slot stands empty till
then, so that more steps at once than a pool has slots are slower than as many.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from advisor.domain.tag_limits import TagLimits

STEP = tuple[int, int]
"""A step of the timeline: item and stage."""

FIRST_S, GROWTH, LONGEST_S = 1.0, 1.1, 15.0
"""``INITIAL_INTERVAL_VALUE``, ``STEP_UP_BASE`` and ``MAX_CONCURRENCY_CLAIM_BLOCKED_INTERVAL``."""
CONNECTION_POOL = "db"
"""Name of the pool that is advised where an op that holds connections has none."""


def interval_s(blocked_before: int) -> float:
    """Seconds until a step asks again that was blocked so many times before this one."""
    return min(LONGEST_S, FIRST_S + GROWTH ** min(blocked_before, 30) - 1.0)


class PoolSlots:
    """The slots of all pools, and the steps that wait for one."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self.limits = limits
        self._assigned: dict[str, set[STEP]] = {pool: set() for pool in limits}
        self._pending: dict[str, deque[STEP]] = {pool: deque() for pool in limits}
        self._blocked: dict[STEP, int] = {}
        self._again: list[tuple[float, int, STEP, str]] = []
        self._sequence = 0
        self._freed_s: dict[STEP, float] = {}
        self.empty_s = 0.0
        """Slot-seconds in which a slot was assigned to a step that had not asked again yet."""

    @property
    def waiting(self) -> bool:
        """Whether any step is pending."""
        return bool(self._again)

    def claim(self, pool: str, step: STEP, now_s: float) -> bool:
        """Ask for a slot; a blocked step is to ask again (see `due`)."""
        assigned = self._assigned[pool]
        if step not in self._blocked and len(assigned) < self.limits[pool]:
            assigned.add(step)
        if step in assigned:
            self._blocked.pop(step, None)
            self.empty_s += now_s - self._freed_s.pop(step, now_s)
            return True
        before = self._blocked.get(step, 0)
        if before == 0:
            self._pending[pool].append(step)
        self._blocked[step] = before + 1
        self._sequence += 1
        heappush(self._again, (now_s + interval_s(before), self._sequence, step, pool))
        return False

    def due(self, now_s: float) -> tuple[str, STEP] | None:
        """A pending step whose time to ask again has come; it must then claim."""
        if self._again and self._again[0][0] <= now_s:
            _, _, step, pool = heappop(self._again)
            return pool, step
        return None

    def next_due_s(self) -> float:
        """When the next pending step asks again; infinity where none waits."""
        return self._again[0][0] if self._again else float("inf")

    def free(self, pool: str, step: STEP, now_s: float) -> None:
        """A step has succeeded: its slot goes to the first that waits."""
        assigned, pending = self._assigned[pool], self._pending[pool]
        assigned.discard(step)
        if pending:
            following = pending.popleft()
            assigned.add(following)
            self._freed_s[following] = now_s


def connection_pool(
    pools: Sequence[str | None], limits: Mapping[str, int], held: Sequence[int], most: int
) -> tuple[list[str | None], dict[str, int]]:
    """Pools and their limits by which a chain's ops hold at most ``most`` connections.

    Args:
        held: Connections that one call of each op holds.
        most: What may be held in all.

    Ops without a pool get one where others of the chain hold nothing: where all hold connections,
    fewer steps at once do the same without a wait.
    """
    named = [
        pool or (CONNECTION_POOL if count and not all(held) else None)
        for pool, count in zip(pools, held, strict=True)
    ]
    narrowed = dict(limits)
    for pool, count in zip(named, held, strict=True):
        if pool is not None and count:
            narrowed[pool] = max(1, min(narrowed.get(pool, most), most // count))
    return named, narrowed


class TagSlots:
    """How many steps of each limit run."""

    def __init__(self, limits: TagLimits) -> None:
        self._limits = limits
        self._running: Counter[str] = Counter()

    def _names(self, step: STEP) -> tuple[str, ...]:
        item, stage = step
        stages = self._limits.stages
        return stages[stage] if item >= 0 and stage < len(stages) else ()

    def is_full(self, step: STEP) -> bool:
        """Whether the step must be passed over for now."""
        return self._are_full(self._names(step))

    @property
    def all_full(self) -> bool:
        """Whether every mapped step must be."""
        return all(map(self._are_full, self._limits.stages))

    def _are_full(self, names: Sequence[str]) -> bool:
        return any(self._running[name] >= self._limits.steps[name] for name in names)

    def take(self, step: STEP) -> None:
        """The step runs from now on."""
        self._running.update(self._names(step))

    def free(self, step: STEP) -> None:
        """The step has succeeded."""
        self._running.subtract(self._names(step))
