"""Which candidates are simulated: one that cannot be the best is left out with its figure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from advisor.domain.advice import Objective, Rejection, RejectionKind
from advisor.domain.candidate import Candidate
from advisor.domain.host import overhead_key
from advisor.domain.quantities import seconds
from advisor.model.items import FloatArray
from advisor.model.prediction import Estimate, Setting, estimate, in_step_factor, steps_at_once

PRUNE = 1.25
"""A candidate whose lower bound is this much above the best simulated one is not simulated."""

RISES = 2
"""After so many in a row more slots are not simulated."""


def scores(objective: Objective, makespan_s: FloatArray, core_seconds: FloatArray) -> FloatArray:
    """What is minimised; ``balanced`` weights time and core-seconds alike (geometric mean)."""
    if objective == "time":
        return makespan_s
    if objective == "cost":
        return core_seconds * makespan_s**0.05
    return np.asarray(np.sqrt(makespan_s * core_seconds))


def score(objective: Objective, makespan_s: float, core_seconds: float) -> float:
    """`scores` of a single way."""
    return float(scores(objective, np.array(makespan_s), np.array(core_seconds)))


def lower_bound_s(candidate: Candidate, setting: Setting) -> float:
    """A makespan that the candidate cannot beat, found in microseconds."""
    setting = setting.under(candidate)
    items = setting.items
    wall, cpu = float(items.wall_s.mean()), float(items.cpu_s.mean())
    workers = min(candidate.workers_in_op, candidate.batch_size)
    steps = -(-items.count // candidate.batch_size)
    if candidate.executor == "in_process":
        factor = in_step_factor(candidate, setting) if workers > 1 else 1.0
        return items.count * wall * factor / workers
    if candidate.executor == "async":
        held = setting.overhead.in_process.step_s * len(items.stages) + cpu
        return items.count * max(held, wall / candidate.max_concurrent)
    key = "warm_forkserver" if candidate.is_warm else str(candidate.start_method)
    o = setting.overhead.multiprocess[key]
    step_cpu = o.child_step_s
    factor = in_step_factor(candidate, setting) if workers > 1 else 1.0
    work = items.count * wall * factor / workers
    slots = min(steps_at_once(candidate, setting), steps)
    plain = 1 + setting.before_steps + setting.after_steps
    serial = o.start_s + o.end_s + o.server_start_s + plain * step_cpu
    share = max(
        (steps * step_cpu + work) / slots, (steps * step_cpu + items.count * cpu) / setting.capacity
    )
    return serial + share


def lower_core_seconds(candidate: Candidate, setting: Setting) -> float:
    """Core-seconds that the candidate cannot do with less of."""
    setting = setting.under(candidate)
    work = setting.items.count * float(setting.items.cpu_s.mean())
    if candidate.executor != "multiprocess":
        return work
    o = setting.overhead.multiprocess[overhead_key(candidate.start_method, warm=candidate.is_warm)]
    return work + o.child_step_s * -(-setting.items.count // candidate.batch_size)


class _Pruning:
    """What was simulated so far, and what need not be any more.

    A way is only held against ways that could be advised in its place; one that needs no code
    against the best of its own, as the config-only advice is.
    """

    def __init__(self, setting: Setting, objective: Objective) -> None:
        self.setting = setting
        self.objective = objective
        self._best: dict[bool, Estimate] = {}
        self._by_slots: dict[Candidate, list[tuple[int, float, float]]] = {}

    def _score(self, found: Estimate) -> float:
        return score(self.objective, found.makespan_s, found.core_seconds)

    def simulated(self, found: Estimate) -> None:
        """Remember how a way does, whether it may be advised or not."""
        slots = found.candidate.max_concurrent
        family = replace(found.candidate, max_concurrent=1)
        known = self._by_slots.setdefault(family, [])
        known.append((slots, found.makespan_s, self._score(found)))

    def advisable(self, found: Estimate) -> None:
        """Hold what follows against a way that could be advised."""
        for needs_code in {True, found.candidate.needs_code}:
            best = self._best.setdefault(needs_code, found)
            self._best[needs_code] = min(best, found, key=self._score)

    def rejection(self, candidate: Candidate, bound_s: float) -> Rejection | None:
        """Why a candidate cannot be the best; None where it may be."""
        rival = self._best.get(candidate.needs_code)
        if rival is None:
            return None
        limit = PRUNE * self._score(rival)
        core = lower_core_seconds(candidate, self.setting)
        if score(self.objective, bound_s, core) > limit:
            least = f"takes at least {seconds(bound_s)}"
            if self.objective != "time":
                least += f" and {core:.1f} core-seconds"
            reason = f"{least}; another way takes {seconds(rival.makespan_s)}"
            return Rejection(candidate, reason, RejectionKind.SLOWER)
        return self._past_best(candidate, limit)

    def _past_best(self, candidate: Candidate, limit: float) -> Rejection | None:
        """Why more slots cannot help a plain way.

        Its makespan falls while steps find room beside each other and rises again once they only
        crowd the cores and the parent's loop. So after some rises in a row that begin far above
        the best way there is, more slots are not simulated.
        """
        known = self._by_slots.get(replace(candidate, max_concurrent=1), [])
        last = [seen for seen in known if seen[0] < candidate.max_concurrent][-RISES - 1 :]
        scores = [scored for _, _, scored in last]
        if len(last) <= RISES or scores != sorted(set(scores)) or scores[1] <= limit:
            return None
        seen = ", ".join(f"{seconds(took_s)} with {slots}" for slots, took_s, _ in last)
        reason = f"more at once only gets worse: {seen}"
        return Rejection(candidate, reason, RejectionKind.CROWDED)


def simulate_all(
    candidates: Sequence[Candidate],
    setting: Setting,
    objective: Objective,
    *,
    always: Collection[Candidate],
    may_advise: Callable[[Candidate], bool],
    rejection: Callable[[Estimate], str | None],
) -> tuple[list[Estimate], list[Rejection]]:
    """Simulate what can matter; the rest is pruned.

    The cheapest bound comes first, and plain ways on several slots last, fewest slots first.

    Args:
        candidates: What to consider.
        setting: Workload, host and machine.
        objective: What is minimised.
        always: What is never pruned.
        may_advise: Whether a candidate may be advised at all.
        rejection: Why a simulated candidate must not be advised, or None.

    Returns:
        What fits, and what does not or was pruned.
    """
    bounds_s = {c: lower_bound_s(c, setting) for c in candidates}

    def turn(candidate: Candidate) -> tuple[int, float]:
        slots = 0 if candidate.is_batched else candidate.max_concurrent
        return slots if slots > 1 else 0, bounds_s[candidate]

    pruning = _Pruning(setting, objective)
    fits: list[Estimate] = []
    rejected: list[Rejection] = []
    for candidate in sorted(candidates, key=turn):
        pruned = None if candidate in always else pruning.rejection(candidate, bounds_s[candidate])
        if pruned is not None:
            rejected.append(pruned)
            continue
        found = estimate(candidate, setting)
        pruning.simulated(found)
        reason = rejection(found)
        if reason is not None:
            rejected.append(Rejection(candidate, reason, RejectionKind.DOES_NOT_FIT))
            continue
        fits.append(found)
        if may_advise(candidate):
            pruning.advisable(found)
    return fits, rejected
