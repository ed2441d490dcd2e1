"""Which candidates are simulated: one that cannot be the best is left out with its figure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from advisor.domain.advice import Objective
from advisor.domain.candidate import Candidate
from advisor.domain.rejection import Cause, Refusal, Rejection
from advisor.model.estimate import Estimate
from advisor.model.estimators import model_of
from advisor.model.prediction import Predictor
from advisor.model.setting import Setting, step_price
from advisor.model.stage import FloatArray

PRUNE = 1.25
"""A candidate whose lower bound is this much above the best simulated one is not simulated."""

TIME_IN_COST = 0.05
"""Exponent of the makespan in the cost: of two ways that cost alike, the faster."""


def scores(
    objective: Objective, makespan_s: FloatArray, core_seconds: FloatArray, held_cores: FloatArray
) -> FloatArray:
    """What is minimised; ``balanced`` weights time and CPU-seconds alike (geometric mean).

    ``held_cores`` are those that are paid for, on average over the run.
    """
    if objective == "time":
        return makespan_s
    if objective == "cost":
        return makespan_s * held_cores
    if objective == "cost-cpu":
        return core_seconds * makespan_s**TIME_IN_COST
    return np.asarray(np.sqrt(makespan_s * core_seconds))


def score(objective: Objective, makespan_s: float, core_seconds: float, rented: float) -> float:
    """`scores` of a single way; ``rented`` are the core-seconds that are paid for."""
    held = rented / max(makespan_s, 1e-9)
    return float(scores(objective, *map(np.asarray, (makespan_s, core_seconds, held))))


def lower_bound_s(candidate: Candidate, setting: Setting) -> float:
    """A makespan that the candidate cannot beat, found in microseconds."""
    return model_of(candidate).least_s(candidate, setting.under(candidate))


def lower_core_seconds(candidate: Candidate, setting: Setting) -> float:
    """Core-seconds that the candidate cannot do with less of."""
    setting = setting.under(candidate)
    work = setting.items.count * float(setting.items.cpu_s.mean())
    if candidate.executor != "multiprocess":
        return work
    steps = candidate.steps(setting.items.count)
    return work + step_price(candidate, setting).child_step_s * steps


class _Pruning:
    """What was simulated so far, and what need not be any more.

    A way is only held against ways that could be advised in its place; one that needs no code
    against the best of its own, as the config-only advice is.
    """

    def __init__(self, setting: Setting, objective: Objective) -> None:
        self.setting = setting
        self.objective = objective
        self._best: dict[bool, Estimate] = {}

    def _score(self, estimate: Estimate) -> float:
        rented = estimate.rented_core_seconds(self.setting.machine.cores)
        return score(self.objective, estimate.makespan_s, estimate.core_seconds, rented)

    def advisable(self, estimate: Estimate) -> None:
        """Hold what follows against a way that could be advised."""
        for needs_code in {True, estimate.candidate.needs_code}:
            best = self._best.setdefault(needs_code, estimate)
            self._best[needs_code] = min(best, estimate, key=self._score)

    def rejection(self, candidate: Candidate, bound_s: float) -> Rejection | None:
        """Why a candidate cannot be the best; None where it may be."""
        rival = self._best.get(candidate.needs_code)
        if rival is None:
            return None
        limit = PRUNE * self._score(rival)
        core = lower_core_seconds(candidate, self.setting)
        rented = bound_s * self.setting.machine.cores
        if score(self.objective, bound_s, core, rented) <= limit:
            return None
        used = {"time": None, "cost": rented}.get(self.objective, core)
        return Refusal(Cause.SLOWER, (bound_s, used, rival.makespan_s)).rejects(candidate)


@dataclass(frozen=True, slots=True)
class Pruned:
    """The candidates, by what became of them.

    Attributes:
        fits: Simulated, and may be advised.
        misfits: Simulated, each with why it must not be advised.
        rejected: Everything that is not among ``fits``.
    """

    fits: list[Estimate] = field(default_factory=list)
    misfits: list[tuple[Estimate, Refusal]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def simulate_all(
    candidates: Sequence[Candidate],
    predictor: Predictor,
    objective: Objective,
    *,
    always: Collection[Candidate],
    may_advise: Callable[[Candidate], bool],
    misfit_of: Callable[[Estimate], Refusal | None],
) -> Pruned:
    """Simulate what can matter, the lowest bound first; the rest is pruned.

    Args:
        misfit_of: Why a simulated candidate must not be advised, or None.
    """
    bounds_s = {way: lower_bound_s(way, predictor.setting) for way in candidates}
    pruning, ways = _Pruning(predictor.setting, objective), Pruned()
    for candidate in sorted(candidates, key=bounds_s.__getitem__):
        slower = pruning.rejection(candidate, bounds_s[candidate])
        if slower and candidate not in always:
            ways.rejected.append(slower)
            continue
        estimate = predictor.estimate(candidate)
        misfit = misfit_of(estimate)
        if misfit is not None:
            ways.misfits.append((estimate, misfit))
            ways.rejected.append(misfit.rejects(candidate))
            continue
        ways.fits.append(estimate)
        if may_advise(candidate):
            pruning.advisable(estimate)
    return ways
