"""Runs since the advice against what it promised, and whether something changed. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median

from advisor.domain.advice import Advice, Prediction
from advisor.domain.analysis import ChangePoint, Drift, DriftPoint, DriftQuantity
from advisor.domain.candidate import Candidate
from advisor.domain.executor_setting import StartMethod
from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import Interval
from advisor.history.change_point import MIN_SEGMENT, change_point, fewest_values
from advisor.history.statistics import start_way, work_and_overhead_s
from advisor.model.run_statistics import item_count, makespan, mapped_steps, parallelism

FALSE_ALARM_RATE = 0.02
"""Share of unchanged histories in which a change is reported, over both quantities together."""

QUANTITIES: tuple[DriftQuantity, ...] = ("work", "overhead")
LEVEL = FALSE_ALARM_RATE / len(QUANTITIES)
"""P-value from which on a quantity has not changed (Bonferroni)."""


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
    asked = dict.fromkeys(run.run_id for run in runs) if predicted is None else predicted
    points = tuple(
        _point(run, advice if run.run_id in asked else None, asked.get(run.run_id))
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
    changes = [change for quantity in QUANTITIES if (change := _change(like, quantity)) is not None]
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


def prediction_for(run: ObservedRun, advice: Advice) -> Prediction | None:
    """The advice's prediction of the way this run went, for as many items; None if it has none."""
    way = candidate_of(run)
    if way is None or item_count(run) != advice.workload.items:
        return None
    named = (advice.recommendation, advice.config_only, advice.current, advice.default)
    every = [p for p in (*named, *advice.candidates) if p is not None]
    return next((p for p in every if _settings(p.candidate) == _settings(way)), None)


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


def _settings(way: Candidate) -> tuple[object, ...]:
    """What a log tells of a way; ``execute_in_process`` leaves no run in a lasting instance."""
    in_memory = way.launch == "execute_in_process"
    start = way.start_method, way.is_warm, way.max_concurrent
    return way.executor, start, way.is_batched, in_memory


def _way_of(run: ObservedRun) -> str:
    """How a run went, in few words: ``spawn, 4 in parallel``."""
    at_once = run.max_concurrent if run.executor != "in_process" else None
    return f"{start_way(run)}, {at_once} in parallel" if at_once else start_way(run)


def _point(run: ObservedRun, advice: Advice | None, own: Interval | None) -> DriftPoint:
    predicted = own
    if predicted is None and advice is not None:
        prediction = prediction_for(run, advice)
        predicted = prediction.makespan_s if prediction else None
    observed_s = makespan(run)
    comparable = run.status == "success" and all(step.attempt == 1 for step in run.steps)
    work, overhead = work_and_overhead_s(mapped_steps(run))
    regret = None
    if comparable and advice is not None and item_count(run) == advice.workload.items:
        regret = max(0.0, observed_s / advice.recommendation.makespan_s.median - 1)
    return DriftPoint(
        run_id=run.run_id,
        started_at_s=run.started_at_s,
        way=_way_of(run),
        items=item_count(run),
        observed_s=observed_s,
        predicted_s=predicted,
        error=observed_s / predicted.median - 1 if predicted and predicted.median > 0 else None,
        work_s=median(work) if work else None,
        overhead_s=median(overhead) if overhead else None,
        comparable=comparable,
        regret=regret,
    )


def _change(points: Sequence[DriftPoint], quantity: DriftQuantity) -> ChangePoint | None:
    """A change of one quantity among like runs."""
    pairs = [(p.run_id, p.work_s if quantity == "work" else p.overhead_s) for p in points]
    ids = [run_id for run_id, value in pairs if value is not None]
    values = [value for _, value in pairs if value is not None]
    change = change_point(values)
    if change is None or change.p_value > LEVEL:
        return None
    return ChangePoint(
        quantity=quantity,
        run_id=ids[change.place],
        index=change.place,
        before_s=median(values[: change.place]),
        after_s=median(values[change.place :]),
        p_value=change.p_value,
    )


def _thin(good: int, compared: int, has_advice: bool) -> str | None:
    needed = fewest_values(LEVEL)
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
