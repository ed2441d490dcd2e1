"""The search over all candidates, and the advice that follows from it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.domain.advice import (
    Change,
    Environment,
    Floors,
    Objective,
    Prediction,
)
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING
from advisor.domain.no_prediction import NoAdviceError, NoneFits
from advisor.domain.rejection import Cause, Refusal, Rejection
from advisor.domain.trial import Trial
from advisor.model.candidates import allowed_in, complexity
from advisor.model.estimate import Estimate
from advisor.model.memory import step_peak_bytes
from advisor.model.prediction import Predictor
from advisor.model.pruning import scores, simulate_all
from advisor.model.rate import keeps_busy
from advisor.model.setting import Setting, pools_of, steps_at_once, tag_limits_of
from advisor.model.uncertainty import noisy_draws

TIE = 0.03
"""Candidates within this share of the best are a near tie: the simpler one is advised."""

UNSURE_REGRET = 0.03
"""Above this expected regret a further measurement is worth proposing ..."""

RUNNER_UP = 0.15
"""... of the best way of another method, unless it is this much slower."""
BATCHED_ERROR, PLAIN_ERROR = 0.09, 0.06
"""Median relative error of the predictions of batched and of plain ways: the published passes of
``make bench`` (p90: 31 % and 20 %)."""
LEAST_GAIN = 1.0
"""Seconds of a run (core-seconds where those are minimised) that a change of code must save: the
choice of a person who would read 50 to 300 lines for it, not measured."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the advice must respect."""

    objective: Objective = "time"
    change: Change = "code"
    environment: Environment = "prod"
    max_connections: int | None = None
    connections_per_item: int = 0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All predictions, best first, and what was chosen.

    Attributes:
        untried: The best way that may be advised once it was tried, if it is better.
        rival: The best way of another method, where the decision between the two is not sure.
    """

    recommendation: Prediction
    config_only: Prediction
    current: Prediction | None
    default: Prediction | None
    candidates: tuple[Prediction, ...]
    rejected: tuple[Rejection, ...]
    tie: bool
    untried: Prediction | None = None
    rival: Prediction | None = None


def floors(predictor: Predictor) -> Floors:
    """The three floors of the whole workload on this machine."""
    simulations = predictor.simulations_of(Candidate("execute_job", "in_process"))
    setting, every = simulations.setting, simulations.reference
    items = setting.items
    wall = items.wall_s
    own = items.fan_out_s + items.upstream_s + items.collect_s
    cpu = float(items.cpu_s[every].sum())
    serial = float(wall[every].sum()) + own
    longest = float(wall.max()) + own
    return Floors(
        critical_path_s=longest,
        perfect_parallel_s=min(serial, max(longest, cpu / max(1.0, setting.machine.cores) + own)),
        serial_s=serial,
    )


def _connections(candidate: Candidate, setting: Setting, constraints: Constraints) -> int:
    """Most connections held at once; a pool on the step keeps the others from holding any."""
    steps = steps_at_once(candidate, setting)
    holding = setting.holding_stages
    if not candidate.is_batched and any(holding):
        pools = [pool for pool, holds in zip(setting.stage_pools, holding, strict=True) if holds]
        limits = [setting.pool_limits.get(pool or "") for pool in pools]
        steps = min(steps, sum(limit or steps for limit in limits))
    return steps * candidate.workers_in_op * constraints.connections_per_item


def _crowding(candidate: Candidate, setting: Setting) -> Refusal | None:
    """Why workers inside steps outwit a limit that is meant for items, but counts steps."""
    pools = [pool for pool in pools_of(candidate, setting) if pool]
    limits = [
        *((setting.pool_limits[pool], Cause.POOL, pool) for pool in pools),
        *(
            (limit, Cause.TAG_LIMIT, name)
            for name, limit in tag_limits_of(candidate, setting).steps.items()
        ),
    ]
    for limit, cause, name in limits:
        items = min(candidate.max_concurrent, limit) * candidate.workers_in_op
        if candidate.workers_in_op > 1 and items > limit:
            return Refusal(cause, (items, name, limit))
    return None


def _pod_misfit(candidate: Candidate, setting: Setting) -> Refusal | None:
    """Why a step does not fit the pods of the cluster."""
    need = step_peak_bytes(candidate, setting)
    have = setting.cluster and setting.cluster.step_memory_bytes
    if not have or need <= have:
        return None
    return Refusal(Cause.POD_MEMORY, (need, have))


def misfit_of(estimate: Estimate, setting: Setting, constraints: Constraints) -> Refusal | None:
    """Why a simulated candidate must not be advised, with the figures; None where it may be."""
    have, headroom = setting.machine.memory_bytes, setting.machine.memory_headroom
    if estimate.candidate.executor in DELEGATING:
        misfit = _pod_misfit(estimate.candidate, setting)
        if misfit is not None:
            return misfit
    elif have and estimate.peak_memory_bytes > have * (1.0 - headroom):
        return Refusal(Cause.MEMORY, (estimate.peak_memory_bytes, have, headroom))
    held = _connections(estimate.candidate, setting, constraints)
    if constraints.max_connections and held > constraints.max_connections:
        return Refusal(Cause.CONNECTIONS, (held, constraints.max_connections))
    if estimate.candidate.batch_size > 1 and setting.items.unstorable:
        return Refusal(Cause.LIST_NOT_STORED, (setting.items.unstorable,))
    return _crowding(estimate.candidate, setting)


@dataclass(frozen=True, slots=True)
class _Scored:
    """A way that fits, with what is minimised, and whether it may be advised as it is."""

    prediction: Prediction
    score: float
    leads: bool

    @property
    def candidate(self) -> Candidate:
        return self.prediction.candidate


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is advised, with and without a change of code."""

    way: _Scored
    config_only: _Scored
    tie: bool


def search(
    candidates: Sequence[Candidate],
    predictor: Predictor,
    constraints: Constraints,
    *,
    current: Candidate | None,
    default: Candidate | None,
) -> SearchResult:
    """Predict every candidate and choose.

    Raises:
        NoAdviceError: No candidate fits the constraints.
    """
    setting = predictor.setting
    named = [way for way in (current, default) if way is not None]
    verdicts = {way: setting.limits.verdict(way) for way in dict.fromkeys([*candidates, *named])}
    considered = [way for way in verdicts if verdicts[way].trial.considered or way in named]
    # The ways on a loop are few, and of a kind of their own, however fast batches are.
    always = {*named, *(way for way in candidates if way.executor == "async")}

    def may_lead(way: Candidate) -> bool:
        tried = verdicts[way].trial is Trial.TRIED
        return tried and _may_advise(way, constraints) and keeps_busy(way, setting)

    pruned = simulate_all(
        considered,
        predictor,
        constraints.objective,
        always=always,
        may_advise=may_lead,
        misfit_of=lambda estimate: misfit_of(estimate, setting, constraints),
    )
    if not pruned.fits:
        _, misfit = min(pruned.misfits, key=lambda misfit: misfit[0].peak_memory_bytes)
        raise NoAdviceError(NoneFits.SMALLEST, misfit)
    leading = {each.candidate for each in pruned.fits if may_lead(each.candidate)}
    ways = _evaluated(pruned.fits, predictor, constraints, leading)
    choice = _choice_of(ways, current)
    predictions = {way.candidate: way.prediction for way in ways}
    refusals = {way: verdicts[way].refusal for way in verdicts if way not in considered}
    refused = (refusal.rejects(way) for way, refusal in refusals.items() if refusal is not None)
    return SearchResult(
        recommendation=choice.way.prediction,
        config_only=choice.config_only.prediction,
        current=predictions.get(current) if current else None,
        default=predictions.get(default) if default else None,
        candidates=tuple(predictions.values()),
        rejected=(*pruned.rejected, *refused),
        tie=choice.tie,
        untried=_untried(ways, choice.way),
        rival=_rival_of(choice.way, ways),
    )


def _may_advise(way: Candidate, constraints: Constraints) -> bool:
    """Whether the environment and what may be changed allow it."""
    if not allowed_in(way, constraints.environment):
        return False
    return constraints.change == "code" or not way.needs_code


def _evaluated(
    fits: Sequence[Estimate],
    predictor: Predictor,
    constraints: Constraints,
    leading: Collection[Candidate],
) -> list[_Scored]:
    """The ways with their scores, best first.

    Those that are ``leading`` may be advised as they are; where there are none, all allowed ones.
    """
    allowed = {e.candidate for e in fits if _may_advise(e.candidate, constraints)}
    if not allowed:
        raise NoAdviceError(NoneFits.ENVIRONMENT)
    leading = leading or allowed
    core_seconds = np.array([estimate.core_seconds for estimate in fits])[:, None]
    held_cores = np.array([_held_cores(estimate, predictor.setting) for estimate in fits])[:, None]
    makespans_s = noisy_draws(fits, predictor.setting)
    draws = scores(constraints.objective, makespans_s, core_seconds, held_cores)
    best_of_draw = draws[[estimate.candidate in leading for estimate in fits]].min(axis=0)
    ways = []
    for estimate, row in zip(fits, draws, strict=True):
        candidate = estimate.candidate
        leads = candidate in leading
        prediction = replace(
            predictor.prediction_of(estimate),
            p_best=float(np.mean(row <= best_of_draw)) if leads else 0.0,
            expected_regret=max(0.0, float(np.mean(row / best_of_draw) - 1.0)),
            allowed=candidate in allowed,
        )
        used, held = estimate.core_seconds, _held_cores(estimate, predictor.setting)
        own = scores(constraints.objective, estimate.draws_s, np.array(used), np.array(held))
        ways.append(_Scored(prediction, float(own.mean()), leads))
    return sorted(ways, key=lambda way: way.score)


def _held_cores(estimate: Estimate, setting: Setting) -> float:
    """Cores that are paid for, on average over the run."""
    return estimate.rented_core_seconds(setting.machine.cores) / max(estimate.makespan_s, 1e-9)


def _choice_of(ways: Sequence[_Scored], current: Candidate | None) -> _Choice:
    """The simplest of the best ways, or the job's own; a change of code where it pays."""
    leading = [way for way in ways if way.leads]
    plain = [way for way in leading if not way.candidate.needs_code]
    plain = plain or [
        way for way in ways if way.prediction.allowed and not way.candidate.needs_code
    ]
    if not plain:
        raise NoAdviceError(NoneFits.CONFIG)
    best, config_only = _simplest(leading, current), _simplest(plain, current)
    plain_tie = config_only is not plain[0]
    if not best.candidate.needs_code:
        return _Choice(config_only, config_only, best is not leading[0] or plain_tie)
    if not pays(best.candidate, best.score, config_only.score):
        return _Choice(config_only, config_only, tie=True)
    return _Choice(best, config_only, best is not leading[0])


def _simplest(ways: Sequence[_Scored], current: Candidate | None) -> _Scored:
    """Of the near ties with the best, which comes first: the job's own way, else the simplest."""
    near = [way for way in ways if way.score <= ways[0].score * (1.0 + TIE)]
    return min(near, key=lambda way: (way.candidate != current, complexity(way.candidate)))


def _untried(ways: Sequence[_Scored], chosen: _Scored) -> Prediction | None:
    """The best way that may be advised once it was tried, if it is better than the chosen."""
    for way in ways:
        lacks = way.prediction.trial in (Trial.NOT_TRIED, Trial.NOT_CHECKED)
        if way.prediction.allowed and lacks and _is_better(way, chosen):
            return way.prediction
    return None


def _is_better(way: _Scored, than: _Scored) -> bool:
    if way.candidate.needs_code:
        return pays(way.candidate, way.score, than.score)
    return way.score < (1.0 - TIE) * than.score


def _rival_of(chosen: _Scored, ways: Sequence[_Scored]) -> Prediction | None:
    """The best way of another method, where the decision between the two is not sure."""
    advised = chosen.prediction
    others = [w for w in ways if w.leads and w.candidate.method != chosen.candidate.method]
    if advised.expected_regret <= UNSURE_REGRET or not others:
        return None
    other = others[0].prediction
    gap = other.makespan_s.median / advised.makespan_s.median - 1.0
    return other if gap <= RUNNER_UP else None


def pays(candidate: Candidate, score: float, score_without: float) -> bool:
    """Whether a way that changes the code gains more than its class errs, and enough to matter.

    Args:
        score_without: The same under the best way that leaves the code alone.
    """
    error = BATCHED_ERROR if candidate.is_batched else PLAIN_ERROR
    return score_without - score >= max(LEAST_GAIN, error * score_without)
