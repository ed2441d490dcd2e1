"""The search over all candidates, and the advice that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from advisor.model.candidates import allowed_in, complexity
from advisor.model.items import FloatArray
from advisor.model.prediction import (
    Estimate,
    Setting,
    estimate,
    in_step_factor,
    interval,
    noisy_draws,
)

TIE = 0.03
"""Candidates within this share of the best are a near tie: the simpler one is advised."""

WORTH_CODE = 0.07
"""A change of code must promise at least this share beyond the best pasted config."""

PRUNE = 1.25
"""A candidate whose lower bound is this much above the best simulated one is not simulated."""

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


def lower_bound_s(candidate: Candidate, setting: Setting) -> float:
    """A makespan that the candidate cannot beat, in microseconds of work, for pruning."""
    items = setting.items
    wall, cpu = float(items.wall_s.mean()), float(items.cpu_s.mean())
    workers = min(candidate.workers_in_op, candidate.batch_size)
    steps = -(-items.count // candidate.batch_size)
    if candidate.executor == "in_process":
        factor = in_step_factor(candidate, setting) if workers > 1 else 1.0
        return items.count * wall * factor / workers
    key = "warm_forkserver" if candidate.is_warm else str(candidate.start_method)
    o = setting.overhead.multiprocess[key]
    step_cpu = o.boot_s + o.prepare_s + o.load_s + o.finish_s + o.exit_s
    step_wall = step_cpu + wall * candidate.batch_size / workers
    slots = min(candidate.max_concurrent, steps)
    plain = 1 + setting.before_steps + setting.after_steps
    serial = o.start_s + o.end_s + o.server_start_s + plain * step_cpu
    share = max(
        steps * step_wall / slots, (steps * step_cpu + items.count * cpu) / setting.capacity
    )
    return serial + share


def _connections(candidate: Candidate, constraints: Constraints) -> int:
    return candidate.max_concurrent * candidate.workers_in_op * constraints.connections_per_item


def _rejection(found: Estimate, setting: Setting, constraints: Constraints) -> str | None:
    """Why a simulated candidate must not be advised, with the figures."""
    have = setting.machine.memory_bytes
    if have and found.peak_memory_bytes > have:
        return f"needs {_gib(found.peak_memory_bytes)}, the host has {_gib(have)}"
    held = _connections(found.candidate, constraints)
    if constraints.max_connections and held > constraints.max_connections:
        return f"holds {held} connections, the limit is {constraints.max_connections}"
    return None


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GiB"


def _score(objective: Objective, makespan_s: FloatArray, core_seconds: FloatArray) -> FloatArray:
    """What is minimised; ``balanced`` weights time and core-seconds alike (geometric mean)."""
    if objective == "time":
        return makespan_s
    cores = core_seconds[:, None] * np.ones_like(makespan_s)
    return cores * makespan_s**0.05 if objective == "cost" else np.sqrt(makespan_s * cores)


def _simulate_all(
    candidates: Sequence[Candidate], named: Sequence[Candidate], setting: Setting
) -> tuple[list[Estimate], list[Rejection]]:
    """Simulate what can matter, cheapest bound first; the rest is pruned with its bound.

    Ways that need no code are held against the best of their own, as the config-only advice is.
    """
    bounds = {c: lower_bound_s(c, setting) for c in candidates}
    found: list[Estimate] = []
    pruned: list[Rejection] = []
    best = {True: float("inf"), False: float("inf")}
    for candidate in sorted(candidates, key=lambda c: bounds[c]):
        limit = best[candidate.needs_code]
        if candidate not in named and bounds[candidate] > PRUNE * limit:
            reason = f"takes at least {bounds[candidate]:.1f} s; another way takes {limit:.1f} s"
            pruned.append(Rejection(candidate, reason))
            continue
        result = estimate(candidate, setting)
        best[True] = min(best[True], result.makespan_s)
        if not candidate.needs_code:
            best[False] = min(best[False], result.makespan_s)
        found.append(result)
    return found, pruned


def _fitting(
    estimates: Sequence[Estimate],
    rejected: list[Rejection],
    setting: Setting,
    constraints: Constraints,
) -> list[Estimate]:
    """Estimates that fit the constraints; the others are appended to ``rejected``."""
    fits: list[Estimate] = []
    for found in estimates:
        reason = _rejection(found, setting, constraints)
        if reason is None:
            fits.append(found)
        else:
            rejected.append(Rejection(found.candidate, reason))
    if not fits:
        message = "no way to run fits: " + (rejected[-1].reason if rejected else "none considered")
        raise ValueError(message)
    return fits


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
    everything = list(dict.fromkeys([*candidates, *named]))
    estimates, rejected = _simulate_all(everything, named, setting)

    fits = _fitting(estimates, rejected, setting, constraints)

    core = np.array([found.core_seconds for found in fits])
    draws = noisy_draws(fits, setting.draws)
    scores = _score(constraints.objective, draws, core)
    expected = scores.mean(axis=1)

    def may_advise(candidate: Candidate) -> bool:
        if not allowed_in(candidate, constraints.environment):
            return False
        return constraints.change == "code" or not candidate.needs_code

    allowed = np.array([may_advise(found.candidate) for found in fits])
    if not allowed.any():
        message = "no way to run fits the environment"
        raise ValueError(message)
    best_of_draw = scores[allowed].min(axis=0)
    predictions = []
    for row, found in enumerate(fits):
        is_best = (scores[row] <= best_of_draw) if allowed[row] else np.zeros(setting.draws)
        predictions.append(
            Prediction(
                candidate=found.candidate,
                makespan_s=interval(found, setting.overhead),
                breakdown_s=found.breakdown_s,
                peak_memory_bytes=found.peak_memory_bytes,
                core_seconds=found.core_seconds,
                p_best=float(np.mean(is_best)),
                expected_regret=float(np.mean(scores[row] / best_of_draw) - 1.0),
                allowed=bool(allowed[row]),
            )
        )
    order = np.argsort(expected, kind="stable")
    config = [i for i in order if allowed[i] and not fits[i].candidate.needs_code]
    code = [i for i in order if allowed[i]]
    if not config:
        message = "no way to run that needs no code fits the constraints"
        raise ValueError(message)
    config_choice, config_tie = _simplest(config, expected, fits)
    choice, tie = _simplest(code, expected, fits)
    if fits[choice].candidate.needs_code and (
        expected[choice] > expected[config_choice] * (1.0 - WORTH_CODE)
    ):
        choice, tie = config_choice, True
    if not fits[choice].candidate.needs_code:
        choice, tie = config_choice, tie or config_tie

    by_candidate = {p.candidate: p for p in predictions}
    recommendation = predictions[choice]
    return SearchResult(
        recommendation=recommendation,
        config_only=predictions[config_choice],
        current=by_candidate.get(current) if current else None,
        default=by_candidate.get(default) if default else None,
        candidates=tuple(predictions[i] for i in order),
        rejected=tuple(rejected),
        tie=tie,
        next_measurement=_next_measurement(recommendation, predictions, code, choice),
    )


def _simplest(
    order: Sequence[int], expected: FloatArray, fits: Sequence[Estimate]
) -> tuple[int, bool]:
    """The simplest of the near ties with the best, and whether there was a tie."""
    best = expected[order[0]]
    near = [i for i in order if expected[i] <= best * (1.0 + TIE)]
    chosen = min(near, key=lambda i: complexity(fits[i].candidate))
    return chosen, bool(chosen != order[0])


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
                    f"they are predicted {abs(gap):.0%} apart"
                ),
                command="dynadvise verify TARGET --configurations advised,runner-up",
            )
    return None
