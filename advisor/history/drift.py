"""Runs since the advice against what it promised, and whether something changed. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from advisor.domain.advice import Advice, Prediction
from advisor.domain.analysis import ChangePoint, Drift, DriftPoint, DriftQuantity
from advisor.domain.candidate import Candidate
from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import Interval
from advisor.domain.workload import StartMethod
from advisor.history.statistics import executor_way
from advisor.model.run_statistics import compute_s, item_count, makespan, mapped_steps, parallelism

MIN_SEGMENT = 4
"""Fewest runs on each side of a change: a level needs a few runs to be one."""

FALSE_ALARM_RATE = 0.02
"""Share of unchanged histories in which a change is reported, over both quantities together."""

PERMUTATIONS = 4_000
"""So that a p-value of half the false-alarm rate is known to about 0.16 percentage points."""

QUANTITIES: tuple[DriftQuantity, ...] = ("work", "overhead")


def drift(
    runs: Sequence[ObservedRun],
    advice: Advice | None,
    predicted: Mapping[str, Interval | None] | None = None,
) -> Drift:
    """Lay runs beside their predictions and look for a change.

    Args:
        runs: Of one job, any order.
        advice: What was advised; None: only changes are looked for.
        predicted: The runs that are to be compared, by id, with the prediction of that very run;
            of a run with None, the advice's own candidates are used. None: all runs are, so.
    """
    ordered = sorted(runs, key=lambda run: run.started_at_s)
    points = tuple(
        _point(run, advice, predicted.get(run.run_id))
        if predicted is not None and run.run_id in predicted
        else _point(run, advice if predicted is None else None, None)
        for run in ordered
    )
    compared = [point for point in points if point.comparable and point.error is not None]
    errors = [point.error for point in compared if point.error is not None]
    inside = [
        point.predicted_s.low <= point.observed_s <= point.predicted_s.high
        for point in compared
        if point.predicted_s is not None
    ]
    good = [point for point in points if point.comparable]
    # Another way to run changes both: overhead by its nature, work by contention.
    like = [point for point in good if point.way == good[-1].way]
    changes = [
        change
        for quantity in QUANTITIES
        if (change := _change(like, quantity, FALSE_ALARM_RATE / len(QUANTITIES))) is not None
    ]
    return Drift(
        points=points,
        median_error=median(abs(error) for error in errors) if errors else None,
        bias=median(errors) if errors else None,
        in_interval=sum(inside) / len(inside) if inside else None,
        changes=tuple(changes),
        false_alarm_rate=FALSE_ALARM_RATE,
        min_segment=MIN_SEGMENT,
        thin=_thin(len(like), len(compared), advice is not None),
    )


def change_point(
    values: Sequence[float],
    *,
    min_segment: int = MIN_SEGMENT,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> tuple[int, float] | None:
    """Where the level of a series most likely changed, and the p-value that it did not.

    The statistic is the largest standardized difference of the means of ranks on both sides of a
    split (Pettitt's idea, ranks being robust to single outliers); its distribution without a
    change comes from permuting the series, so the level is exact for any distribution of
    independent values, the search over all splits included.

    Returns:
        Index of the first value of the new level, and the p-value; None where the series is too
        short for two segments.
    """
    from scipy.stats import rankdata

    count = len(values)
    if count < 2 * min_segment:
        return None
    ranks = np.asarray(rankdata(values))
    splits = np.arange(min_segment, count - min_segment + 1)
    observed = _contrast(ranks[None, :], splits)[0]
    best = int(np.argmax(observed))
    generator = np.random.default_rng(seed)
    shuffled = generator.permuted(np.tile(ranks, (permutations, 1)), axis=1)
    largest = _contrast(shuffled, splits).max(axis=1)
    # Ties with the observed value count against it; the observed order is one of the orders.
    beaten = int((largest >= observed[best] - 1e-9).sum())
    return int(splits[best]), (beaten + 1) / (permutations + 1)


def fewest_runs() -> int:
    """From how many like runs on a change can be told at all at this false-alarm rate.

    Even the clearest change, in the middle, is matched by 2 of the ``comb(n, n / 2)`` orders.
    """
    level = FALSE_ALARM_RATE / len(QUANTITIES)
    return next(n for n in itertools.count(2 * MIN_SEGMENT) if 2 / math.comb(n, n // 2) < level)


def prediction_for(run: ObservedRun, advice: Advice) -> Prediction | None:
    """The advice's prediction of the way this run went, for as many items; None if it has none."""
    if item_count(run) != advice.workload.items:
        return None
    named = (advice.recommendation, advice.config_only, advice.current, advice.default)
    every = [p for p in (*named, *advice.candidates) if p is not None]
    return next((p for p in every if _is_way_of(p.candidate, run)), None)


def candidate_of(run: ObservedRun) -> Candidate | None:
    """The way a run went, as a candidate; None for an executor without a model.

    Where the run's config leaves the number of steps at once to the executor's default, as many
    as ever held a slot are taken.
    """
    if run.executor == "in_process":
        return Candidate("execute_job", "in_process")
    if run.executor != "multiprocess":
        return None
    method: StartMethod = "forkserver" if run.start_method == "forkserver" else "spawn"
    at_once = run.max_concurrent or parallelism(run).slots
    return Candidate("execute_job", "multiprocess", method, run.preload_modules or (), at_once)


def way_of(run: ObservedRun) -> str:
    """How a run went, in few words: ``spawn, 4 at once``."""
    at_once = f", {run.max_concurrent} at once" if run.executor != "in_process" else ""
    way = executor_way(run).removeprefix("multiprocess, ")
    return f"{way}{at_once if run.max_concurrent else ''}"


def _is_way_of(candidate: Candidate, run: ObservedRun) -> bool:
    if candidate.is_batched or candidate.executor != run.executor:
        return False
    if candidate.launch == "execute_in_process":
        return False  # such a run has an instance of its own, unless it was given one
    if candidate.executor == "in_process":
        return True
    return (
        candidate.start_method == run.start_method
        and candidate.is_warm == bool(run.preload_modules)
        and candidate.max_concurrent == run.max_concurrent
    )


def _point(run: ObservedRun, advice: Advice | None, own: Interval | None) -> DriftPoint:
    predicted = own
    if predicted is None and advice is not None:
        found = prediction_for(run, advice)
        predicted = found.makespan_s if found else None
    observed_s = makespan(run)
    comparable = run.status == "success" and all(step.attempt == 1 for step in run.steps)
    work = [
        seconds
        for step in mapped_steps(run)
        if step.status == "success" and (seconds := compute_s(step)) is not None
    ]
    around = [
        max(0.0, step.end_s - begin - computing)
        for step in mapped_steps(run)
        if step.status == "success"
        and step.end_s is not None
        and (computing := compute_s(step)) is not None
        and (
            begin := step.worker_starting_s if step.worker_starting_s is not None else step.start_s
        )
        is not None
    ]
    regret = None
    if comparable and advice is not None and item_count(run) == advice.workload.items:
        regret = max(0.0, observed_s / advice.recommendation.makespan_s.median - 1)
    return DriftPoint(
        run_id=run.run_id,
        started_at_s=run.started_at_s,
        way=way_of(run),
        items=item_count(run),
        observed_s=observed_s,
        predicted_s=predicted,
        error=observed_s / predicted.median - 1 if predicted and predicted.median > 0 else None,
        work_s=median(work) if work else None,
        overhead_s=median(around) if around else None,
        comparable=comparable,
        regret=regret,
    )


def _change(
    points: Sequence[DriftPoint], quantity: DriftQuantity, level: float
) -> ChangePoint | None:
    """A change of one quantity among like runs."""
    told = [(point, value) for point in points if (value := _value(point, quantity)) is not None]
    values = [value for _, value in told]
    found = change_point(values)
    if found is None or found[1] > level:
        return None
    index, p_value = found
    return ChangePoint(
        quantity=quantity,
        run_id=told[index][0].run_id,
        index=index,
        before_s=median(values[:index]),
        after_s=median(values[index:]),
        p_value=p_value,
    )


def _value(point: DriftPoint, quantity: DriftQuantity) -> float | None:
    return point.work_s if quantity == "work" else point.overhead_s


def _thin(good: int, compared: int, has_advice: bool) -> str | None:
    needed = fewest_runs()
    if good < needed:
        return (
            f"The evidence is thin: {good} like run{'' if good == 1 else 's'} succeeded without a "
            f"retry; a change can be told from {needed} on."
        )
    if has_advice and not compared:
        return (
            "The evidence is thin: no run went in a way, and with a number of items, that the "
            "profile predicts."
        )
    return None


def _contrast(rows: NDArray[np.float64], splits: NDArray[np.intp]) -> NDArray[np.float64]:
    """Standardized difference of the mean ranks before and after each split, by row."""
    count = rows.shape[1]
    before = np.cumsum(rows, axis=1)[:, splits - 1]
    total = rows.sum(axis=1, keepdims=True)
    difference = before / splits - (total - before) / (count - splits)
    scale = np.sqrt(1 / splits + 1 / (count - splits))
    return np.asarray(np.abs(difference) / scale, dtype=float)
