"""The search over all candidates, and the advice that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.domain.advice import (
    Change,
    Environment,
    Floors,
    NextMeasurement,
    Objective,
    Prediction,
    Rejection,
)
from advisor.domain.candidate import Candidate
from advisor.domain.quantities import percent, size
from advisor.domain.trial import Trial
from advisor.model.candidates import allowed_in, complexity
from advisor.model.code_change import pays
from advisor.model.items import FloatArray
from advisor.model.prediction import (
    Estimate,
    Setting,
    noisy_draws,
    pools_of,
    prediction_of,
    steps_at_once,
    tag_limits_of,
)
from advisor.model.pruning import scores, simulate_all

TIE = 0.03
"""Candidates within this share of the best are a near tie: the simpler one is advised."""

UNSURE_REGRET = 0.03
"""Above this expected regret a further measurement is worth proposing."""


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
    """All predictions, best first, and what was chosen."""

    recommendation: Prediction
    config_only: Prediction
    current: Prediction | None
    default: Prediction | None
    candidates: tuple[Prediction, ...]
    rejected: tuple[Rejection, ...]
    tie: bool
    next_measurement: NextMeasurement | None
    untried: Prediction | None = None


def floors(setting: Setting) -> Floors:
    """The three floors of the whole workload on this machine."""
    items = setting.items
    wall = items.wall_s
    own = items.fan_out_s + items.upstream_s + items.collect_s
    cpu = float(items.cpu_s[setting.reference].sum())
    serial = float(wall[setting.reference].sum()) + own
    longest = float(wall.max()) + own
    return Floors(
        critical_path_s=longest,
        perfect_parallel_s=min(serial, max(longest, cpu / setting.machine.cores + own)),
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


def _crowded_pool(candidate: Candidate, setting: Setting) -> str | None:
    """Why workers inside steps would outwit a pool, which is meant for items but counts steps."""
    for pool in filter(None, pools_of(candidate, setting)):
        limit = setting.pool_limits[pool]
        items = min(candidate.max_concurrent, limit) * candidate.workers_in_op
        if candidate.workers_in_op > 1 and items > limit:
            return f"runs {items} items at once in steps of the pool {pool!r}, which allows {limit}"
    return None


def _crowded_tag(candidate: Candidate, setting: Setting) -> str | None:
    """Why workers inside steps would go round a tag limit, which counts steps as a pool does."""
    if candidate.workers_in_op == 1:
        return None
    for name, limit in tag_limits_of(candidate, setting).steps.items():
        items = min(candidate.max_concurrent, limit) * candidate.workers_in_op
        if items > limit:
            return f"runs {items} items at once in steps tagged {name}, limited to {limit}"
    return None


def rejection_of(found: Estimate, setting: Setting, constraints: Constraints) -> str | None:
    """Why a simulated candidate must not be advised, with the figures; None where it may be."""
    have = setting.machine.memory_bytes
    if have and found.peak_memory_bytes > have:
        return f"needs {size(found.peak_memory_bytes)}, the host has {size(have)}"
    held = _connections(found.candidate, setting, constraints)
    if constraints.max_connections and held > constraints.max_connections:
        return f"holds {held} connections, the limit is {constraints.max_connections}"
    return _crowded_pool(found.candidate, setting) or _crowded_tag(found.candidate, setting)


def search(
    candidates: Sequence[Candidate],
    setting: Setting,
    constraints: Constraints,
    *,
    current: Candidate | None,
    default: Candidate | None,
) -> SearchResult:
    """Predict every candidate and choose.

    Args:
        candidates: What to consider.
        setting: Workload, host and machine.
        constraints: What the advice must respect.
        current: The job's own way to run.
        default: Dagster's default on this machine.

    Raises:
        ValueError: No candidate fits the constraints.
    """
    named = [c for c in (current, default) if c is not None]
    limits = setting.limits
    verdicts = {way: limits.verdict(way) for way in dict.fromkeys([*candidates, *named])}
    everything = [way for way, known in verdicts.items() if known.trial.considered or way in named]
    # Few, and of a kind of their own: each is predicted, however fast batches are.
    on_loop = [c for c in candidates if c.executor == "async"]

    def may_advise(candidate: Candidate) -> bool:
        if not allowed_in(candidate, constraints.environment):
            return False
        return constraints.change == "code" or not candidate.needs_code

    def may_lead(candidate: Candidate) -> bool:
        return may_advise(candidate) and verdicts[candidate].trial is Trial.TRIED

    simulated: list[Estimate] = []

    def rejection(found: Estimate) -> str | None:
        simulated.append(found)
        return rejection_of(found, setting, constraints)

    fits, rejected = simulate_all(
        everything,
        setting,
        constraints.objective,
        always=(*named, *on_loop),
        may_advise=may_lead,
        rejection=rejection,
    )
    rejected += [
        Rejection(way, known.reason) for way, known in verdicts.items() if way not in everything
    ]
    if not fits:
        smallest = min(simulated, key=lambda found: found.peak_memory_bytes)
        reason = rejection_of(smallest, setting, constraints)
        raise ValueError(f"no way to run fits: even the smallest {reason}")

    core = np.array([found.core_seconds for found in fits])[:, None]
    draws = noisy_draws(fits, setting.draws)
    scored = scores(constraints.objective, draws, core)
    expected = scored.mean(axis=1)

    allowed = np.array([may_advise(found.candidate) for found in fits])
    if not allowed.any():
        message = "no way to run fits the environment"
        raise ValueError(message)
    leads = np.array([may_lead(found.candidate) for found in fits])
    leads = leads if leads.any() else allowed
    best_of_draw = scored[leads].min(axis=0)
    predictions = [
        replace(
            prediction_of(found, setting),
            p_best=float(np.mean(scored[row] <= best_of_draw)) if leads[row] else 0.0,
            expected_regret=max(0.0, float(np.mean(scored[row] / best_of_draw) - 1.0)),
            allowed=bool(allowed[row]),
        )
        for row, found in enumerate(fits)
    ]
    order = np.argsort(expected, kind="stable")
    config = [i for i in order if leads[i] and not fits[i].candidate.needs_code]
    config = config or [i for i in order if allowed[i] and not fits[i].candidate.needs_code]
    code = [i for i in order if leads[i]]
    if not config:
        message = "no way to run that needs no code fits the constraints"
        raise ValueError(message)
    config_choice, config_tie = _simplest(config, expected, fits)
    choice, tie = _simplest(code, expected, fits)
    changing = fits[choice].candidate
    if changing.needs_code and not pays(
        changing, float(expected[choice]), float(expected[config_choice])
    ):
        choice, tie = config_choice, True
    if not fits[choice].candidate.needs_code:
        choice, tie = config_choice, tie or config_tie

    by_candidate = {p.candidate: p for p in predictions}
    recommendation = predictions[choice]
    scored_choice = float(expected[choice])
    quicker = (
        predictions[i]
        for i in order
        if _is_better(fits[i].candidate, float(expected[i]), scored_choice)
    )
    untried = next((p for p in quicker if p.allowed and _may_be_tried(p.trial)), None)
    return SearchResult(
        recommendation=recommendation,
        config_only=predictions[config_choice],
        current=by_candidate.get(current) if current else None,
        default=by_candidate.get(default) if default else None,
        candidates=tuple(predictions[i] for i in order),
        rejected=tuple(rejected),
        tie=tie,
        next_measurement=_trial_of(untried)
        or _next_measurement(recommendation, predictions, code, choice),
        untried=untried,
    )


def _simplest(
    order: Sequence[int], expected: FloatArray, fits: Sequence[Estimate]
) -> tuple[int, bool]:
    """The simplest of the near ties with the best, and whether there was a tie."""
    best = expected[order[0]]
    near = [i for i in order if expected[i] <= best * (1.0 + TIE)]
    chosen = min(near, key=lambda i: complexity(fits[i].candidate))
    return chosen, bool(chosen != order[0])


def _is_better(candidate: Candidate, score: float, than: float) -> bool:
    return pays(candidate, score, than) if candidate.needs_code else score < (1.0 - TIE) * than


def _may_be_tried(trial: Trial) -> bool:
    return trial in (Trial.NOT_TRIED, Trial.NOT_CHECKED)


def _trial_of(untried: Prediction | None) -> NextMeasurement | None:
    """The probe of a way that may be faster, where more time may be all that it lacks."""
    if untried is None or untried.trial is not Trial.NOT_TRIED:
        return None
    return NextMeasurement(
        what=(
            f"try '{untried.candidate.label}', which runs items repeatedly: that it works, and how "
            "fast, is assumed so far"
        ),
        command="dynadvise profile TARGET --budget BUDGET",
    )


def _next_measurement(
    chosen: Prediction, predictions: Sequence[Prediction], order: Sequence[int], choice: int
) -> NextMeasurement | None:
    """A real run of the two leading methods, where the decision between them is not sure."""
    if chosen.expected_regret <= UNSURE_REGRET:
        return None
    for index in order:
        other = predictions[index]
        if index != choice and other.candidate.method != chosen.candidate.method:
            gap = other.makespan_s.median / chosen.makespan_s.median - 1.0
            if gap > 0.15:
                return None
            return NextMeasurement(
                what=(
                    f"run both '{chosen.candidate.label}' and '{other.candidate.label}' for real: "
                    f"they are predicted {percent(abs(gap))} apart"
                ),
                command="dynadvise verify TARGET --configurations advised,runner-up",
            )
    return None
