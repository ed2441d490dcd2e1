"""The steps of a run as they become runnable, and which of them limits let run next.

The same under every executor of Dagster that starts a process or a pod for each step. A step whose
pool has no free slot stays *pending*, first come first served. When a slot is freed, the storage
assigns it to the first pending step, but that step asks again only when its own time has come:
after 1 s, and each time 1.1 times as long, up to 15 s
(``dagster/_core/execution/plan/instance_concurrency_context.py``). The slot stands empty till
then, so that more steps at once than a pool has slots are slower than as many.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush

from advisor.domain.tag_limits import TagLimits
from advisor.model.run_plan import RunPlan, StepWork

STEP = tuple[int, int]
"""A step of the timeline: item and stage."""

FIRST_S, GROWTH, LONGEST_S = 1.0, 1.1, 15.0
"""``INITIAL_INTERVAL_VALUE``, ``STEP_UP_BASE`` and ``MAX_CONCURRENCY_CLAIM_BLOCKED_INTERVAL``."""
BEFORE, AFTER = -1, -2
"""Item numbers of the steps before and after the mapped ones."""


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


class StepQueue:
    """The steps that may be launched, the next one first, and those that wait for a pool's slot."""

    def __init__(self, plan: RunPlan) -> None:
        self.pools = PoolSlots(plan.pool_limits)
        self.runnable: deque[STEP] = deque()
        self.first_result_s = 0.0
        self.plan = plan
        self._tags = TagSlots(plan.tag_limits)
        self._mapped_left = sum(work is not None for chain in plan.mapped for work in chain)
        self._after_serial(0)

    @property
    def is_empty(self) -> bool:
        """Whether no step is runnable or waits for a pool."""
        return not (self.runnable or self.pools.waiting)

    def work_of(self, step: STEP) -> StepWork:
        """What a step does."""
        item, stage = step
        if item < 0:
            return self.plan.before[stage] if item == BEFORE else self.plan.after[stage]
        work = self.plan.mapped[item][stage]
        assert work is not None, "a skipped stage is not launched"
        return work

    def pool_of(self, step: STEP) -> str | None:
        """The limited pool whose slot a step needs; None where it needs none."""
        item, stage = step
        pools = self.plan.stage_pools
        pool = pools[stage] if item >= 0 and stage < len(pools) else None
        return pool if pool in self.pools.limits else None

    def take(self, clock_s: Callable[[], float], claim: Callable[[str, STEP], bool]) -> STEP | None:
        """The next step to launch; None where all that are left must wait.

        Args:
            clock_s: The time of the run, which a claim may move.
            claim: Asks for a slot of a step's pool.
        """
        while (again := self.pools.due(clock_s())) is not None:
            if claim(*again):
                return self._taken(again[1])
        taken: STEP | None = None
        passed_over: list[STEP] = []
        while self.runnable and taken is None:
            step = self.runnable.popleft()
            if self._tags.is_full(step):
                passed_over.append(step)
                if self._tags.all_full:
                    break
            elif (pool := self.pool_of(step)) is None or claim(pool, step):
                taken = self._taken(step)
        self.runnable.extendleft(reversed(passed_over))
        return taken

    def _taken(self, step: STEP) -> STEP:
        self._tags.take(step)
        return step

    def succeeded(self, step: STEP, now_s: float) -> None:
        """The parent has handled a step's success: what depends on it becomes runnable."""
        item, stage = step
        self._tags.free(step)
        if (pool := self.pool_of(step)) is not None:
            self.pools.free(pool, step, now_s)
        if item == BEFORE:
            self._after_serial(stage + 1)
        elif item == AFTER:
            self._serial(AFTER, stage + 1, self.plan.after)
        else:
            self._mapped_left -= 1
            if not self._mapped(item, stage + 1):
                self.first_result_s = self.first_result_s or now_s
            if not self._mapped_left:
                self._serial(AFTER, 0, self.plan.after)

    def _serial(self, item: int, stage: int, steps: tuple[StepWork, ...]) -> bool:
        """Add the next of the steps before or after the mapped ones; False where there is none."""
        if stage < len(steps):
            self.runnable.append((item, stage))
        return stage < len(steps)

    def _after_serial(self, stage: int) -> None:
        """The next step before the mapped ones, or all mapped ones, or what comes after none."""
        if self._serial(BEFORE, stage, self.plan.before):
            return
        if self._mapped_left:
            self.runnable.extend((item, 0) for item in range(len(self.plan.mapped)))
        else:
            self._serial(AFTER, 0, self.plan.after)

    def _mapped(self, item: int, stage: int) -> bool:
        """Add the item's next step, past what it skips; False where its chain is done."""
        chain = self.plan.mapped[item]
        following = next((k for k in range(stage, len(chain)) if chain[k] is not None), None)
        if following is not None:
            add = self.runnable.appendleft if self.plan.depth_first else self.runnable.append
            add((item, following))
        return following is not None
