"""The steps of a run as they become runnable, and which of them limits let run next.

The same under every executor of Dagster that starts a process or a pod for each step.
"""

from collections import deque
from collections.abc import Callable

from advisor.model.pools import STEP, PoolSlots, TagSlots
from advisor.model.run_plan import RunPlan, StepWork

BEFORE, AFTER = -1, -2
"""Item numbers of the steps before and after the mapped ones."""


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
