"""What the model of an executor gives: estimate, lower bound, price of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from advisor.domain.advice import Breakdown
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING
from advisor.model.setting import Setting
from advisor.model.simulations import Simulations
from advisor.model.stage import FloatArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A candidate's simulated makespan, its parts, and its draws (shape: draws)."""

    candidate: Candidate
    makespan_s: float
    draws_s: FloatArray
    breakdown_s: Breakdown
    core_seconds: float
    peak_memory_bytes: int
    pool_wait_s: float = 0.0
    rate_wait_s: float = 0.0

    def rented_core_seconds(self, cores: float) -> float:
        """What is paid for: the run's cores while it lasts, and beside them what pods request.

        The estimate of a way with a pod for each step holds these pods and one core of the run's.
        """
        held = self.makespan_s * cores
        if self.candidate.executor not in DELEGATING:
            return held
        return self.core_seconds + max(0.0, held - self.makespan_s)

    def at_median(self) -> Estimate:
        """The estimate with the median of its draws for the makespan: its items' work differs."""
        median_s = float(np.median(self.draws_s))
        work_s = self.breakdown_s.work_s + median_s - self.makespan_s
        return replace(
            self,
            makespan_s=median_s,
            breakdown_s=replace(self.breakdown_s, work_s=max(0.0, work_s)),
        )

    def scaled(self, factor: float, start_s: float) -> Estimate:
        """The estimate times a factor, plus a start that only computes."""
        parts_s = Breakdown(*(part_s * factor for part_s in astuple(self.breakdown_s)))
        return replace(
            self,
            makespan_s=self.makespan_s * factor + start_s,
            draws_s=self.draws_s * factor + start_s,
            breakdown_s=replace(parts_s, launch_s=parts_s.launch_s + start_s),
            core_seconds=self.core_seconds * factor + start_s,
            rate_wait_s=self.rate_wait_s * factor,
        )

    def with_first_touch(self, touch_s: float) -> Estimate:
        """The estimate, with what memory costs that is touched for the first time.

        The draws have none of it to one and a half: how much of the memory was used lately, by
        this run or by another, is left to chance. Four threads with 410 MB each took 9.0 s where
        it was not, 4.5 s a minute after another run.
        """
        shares = np.linspace(0.0, 1.5, len(self.draws_s))
        parts_s = self.breakdown_s
        return replace(
            self,
            makespan_s=self.makespan_s + touch_s,
            draws_s=self.draws_s + touch_s * np.random.default_rng(24680).permutation(shares),
            breakdown_s=replace(parts_s, serialize_s=parts_s.serialize_s + touch_s),
            core_seconds=self.core_seconds + touch_s,
        )


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """One candidate's estimate from several lists of its items."""
    first = estimates[0]
    if len(estimates) == 1:
        return first

    def mean(name: str) -> float:
        return float(np.mean([getattr(each, name) for each in estimates]))

    parts_s = np.mean([astuple(each.breakdown_s) for each in estimates], axis=0)
    return replace(
        first,
        makespan_s=mean("makespan_s"),
        draws_s=np.mean([each.draws_s for each in estimates], axis=0),
        breakdown_s=Breakdown(*parts_s.tolist()),
        core_seconds=mean("core_seconds"),
        pool_wait_s=mean("pool_wait_s"),
    )


@dataclass(frozen=True, slots=True)
class ExecutorModel:
    """What one executor's file knows.

    Attributes:
        estimate: Simulates a candidate; raises `NoModelError` where it is not calibrated.
        least_s: A makespan that the candidate cannot beat, in microseconds of computing.
        step_s: What one mapped step costs beside the work, one at a time.
        first_result_s: When the first item's whole chain is done; None: not modelled.
    """

    estimate: Callable[[Candidate, Simulations], Estimate]
    least_s: Callable[[Candidate, Setting], float]
    step_s: Callable[[Candidate, Setting], float]
    first_result_s: Callable[[Candidate, Simulations], float] | None = None
