"""Whether what is not measured yet can still change the advice, and which part of it first.

Nothing is taken from a probability of what will be found: an unknown is put at its most favourable
outcome, and the search runs again on that. Where neither the advised nor the config-only way would
then lose more than a small regret, the part cannot matter. See ``docs/stopping.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import exp, hypot

import numpy as np

from advisor.domain.advice import Objective, Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.host import PreloadList
from advisor.domain.item_sample import ItemSample
from advisor.domain.measured import Measured
from advisor.domain.no_prediction import NoModelError
from advisor.domain.options import AdviseOptions
from advisor.domain.overhead import OverheadModel
from advisor.domain.stopping import MODULE, PartKind, Unknown
from advisor.domain.trial import Agreement, Comparison
from advisor.domain.workload import ConcurrencyProbe, OpProfile, WorkerKind, WorkloadProfile
from advisor.model.estimated_methods import at_best
from advisor.model.items import Items, items_of
from advisor.model.prediction import Predictor
from advisor.model.pruning import score
from advisor.model.sampling_error import mean_factors
from advisor.model.search import SearchResult
from advisor.model.uncertainty import LEAST_ITEMS_CPU_S, calibrated_as

REGRET = 0.03
"""Share of the makespan that a decision may lose by stopping early: a near tie of the search."""

WIDE_SD = 0.1
"""Relative standard deviation of the items' mean from which more samples are taken: above it they
widen the interval more than the model's own error and the machine's noise do together."""

FLOOR_S = 0.3
"""Seconds of a run that no part is measured for, whatever share of the makespan they are."""

Z = 1.645
"""Standard deviations that bound 90 %."""

_DRAWS = 400
_SAME, _NOT_COMPARED = Comparison(Agreement.SAME, ""), Agreement.NOT_COMPARED
_WORKER_KINDS: dict[PartKind, WorkerKind] = {
    PartKind.THREADS: "thread",
    PartKind.PROCESSES: "process",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A search on some measurements: what it chose, and what predicts there."""

    result: SearchResult
    predictor: Predictor


Search = Callable[[Measured], Choice]


@dataclass(frozen=True, slots=True)
class Stakes:
    """What parts can change at most.

    Attributes:
        gains_s: Unknown to the seconds of a run that the advice can gain from it alone.
        together_s: The same of all probes and calibrations at their best together.
        needed: Where only several of them can gain together: those without any of which the others
            gain less.
        leads: The ways that would be advised then.
    """

    gains_s: dict[Unknown, float]
    together_s: float = 0.0
    needed: tuple[Unknown, ...] = ()
    leads: tuple[Candidate, ...] = ()

    def without(self, unknown: Unknown) -> Stakes:
        """The stakes where a part cannot be measured; what needs it cannot be either."""
        gains_s = {each: gain_s for each, gain_s in self.gains_s.items() if each != unknown}
        return replace(self, gains_s=gains_s, needed=() if unknown in self.needed else self.needed)


def stakes_of(
    measured: Measured,
    now: Choice,
    unknowns: Collection[Unknown],
    search: Search,
    options: AdviseOptions,
) -> Stakes:
    """What each of the unknowns can change; parts of the same kind share the widest of theirs.

    The dearest come first: where two would do for the same gain, the cheaper one is needed.
    """

    def tried(some: Collection[Unknown]) -> tuple[float, Choice]:
        """What these gain at their best together, and what would be found then."""
        best = measured
        for each in some:
            best = _BEST[each.kind](best, each)
        then = search(best) if some else now
        return _loss_s(now, then, options.objective), then

    trials = [each for each in unknowns if each.kind in _BEST]
    together_s, then = tried(trials)
    gains_s = dict.fromkeys(unknowns, 0.0)
    for each in unknowns:
        if each.kind in _BEST and not together_s:
            continue
        cases = _cases(measured, each, options)
        losses_s = [_loss_s(now, search(case), options.objective) for case in cases]
        gains_s[each] = max(losses_s, default=0.0)
    needed = trials if together_s and not any(gains_s.values()) else []
    for each in needed:
        fewer = [other for other in needed if other != each]
        gain_s, choice = tried(fewer)
        if gain_s >= together_s:
            needed, then = fewer, choice
    leads = (then.result.recommendation.candidate, then.result.config_only.candidate)
    return Stakes(gains_s, together_s, tuple(needed), leads)


def next_unknown(stakes: Stakes, costs_s: dict[Unknown, float]) -> Unknown | None:
    """The part whose gain at its best is the largest per second; None: it is settled.

    Where no part alone can gain, but several together: the cheapest of those that are needed.
    """
    alone = {each: gain_s for each, gain_s in stakes.gains_s.items() if gain_s > 0}
    if alone:
        return max(alone, key=lambda each: alone[each] / max(costs_s[each], 0.1))
    return min(stakes.needed, key=lambda each: costs_s[each], default=None)


def _loss_s(now: Choice, then: Choice, objective: Objective) -> float:
    """What the ways chosen now lose where ``then`` is true; 0 below the promised regret."""
    chosen = (now.result.recommendation, now.result.config_only)
    better = (then.result.recommendation, then.result.config_only)
    return max(
        _regret_s(way.candidate, best, then.predictor, objective)
        for way, best in zip(chosen, better, strict=True)
    )


def _regret_s(
    candidate: Candidate, best: Prediction, predictor: Predictor, objective: Objective
) -> float:
    if candidate == best.candidate:
        return 0.0
    try:
        stays = predictor.estimate(candidate)
    except NoModelError:
        return 0.0
    rented = stays.rented_core_seconds(predictor.setting.machine.cores)
    least = score(objective, best.makespan_s.median, best.core_seconds, best.rented_core_seconds)
    most = score(objective, stays.makespan_s, stays.core_seconds, rented)
    regret = most / max(least, 1e-9) - 1.0
    regret_s = regret * best.makespan_s.median
    return regret_s if regret > REGRET and regret_s > FLOOR_S else 0.0


# --- the most favourable outcomes ------------------------------------------------------------


def _probed(measured: Measured, unknown: Unknown) -> Measured:
    """So many in parallel work, give the same results, and do not slow each other.

    Where an earlier probe found nothing to compare, this one finds nothing either.
    """
    workload = measured.workload
    comparisons = (each.comparison for each in workload.probes if each.failed is None)
    comparison = next((each for each in comparisons if each.agreement is _NOT_COMPARED), _SAME)
    kind = _WORKER_KINDS[unknown.kind]
    probe = ConcurrencyProbe(kind, unknown.workers, 1.0, comparison=comparison)
    return replace(measured, workload=replace(workload, probes=(*workload.probes, probe)))


def _preloaded(measured: Measured, _unknown: Unknown) -> Measured:
    """With its imports preloaded a first call costs what later ones do."""

    def changed(op: OpProfile) -> OpProfile:
        return replace(op, preloaded_first_calls=op.later_calls or op.first_calls)

    return _with_ops(measured, changed)


def _one_thread(measured: Measured, _unknown: Unknown) -> Measured:
    """With one thread an item computes as much, and items do not slow each other."""

    def changed(op: OpProfile) -> OpProfile:
        calls = op.limited_calls or tuple(
            replace(call, wall_s=max(call.wall_s, call.cpu_s)) for call in op.later_calls
        )
        return replace(op, limited_calls=calls)

    kinds: tuple[WorkerKind, ...] = ("thread", "process")
    workers = max(2, round(measured.host.facts.cpus))
    probes = tuple(ConcurrencyProbe(kind, workers, 1.0, comparison=_SAME) for kind in kinds)
    changed_ops = _with_ops(measured, changed)
    return replace(changed_ops, workload=replace(changed_ops.workload, limited_probes=probes))


def _calibrated(measured: Measured, unknown: Unknown) -> Measured:
    """A method that is only estimated so far, or all of them, charge the least that they may.

    Where no preload list is known, one of any name stands for that which will be.
    """
    overhead, host = measured.overhead, measured.host
    run = overhead.estimated if unknown.method == MODULE else (unknown.method,)
    roughly = "warm_forkserver" not in overhead.measured_cpu_s
    best = {
        method: at_best(
            overhead.multiprocess[method],
            import_s=host.user_import_s if method == "warm_forkserver" else 0.0,
            roughly=roughly,
        )
        for method in run
    }
    changed = replace(
        overhead,
        multiprocess={**overhead.multiprocess, **best},
        estimated=tuple(each for each in overhead.estimated if each not in run),
    )
    if not host.preload.modules:
        host = replace(host, preload=PreloadList(("dagster",)))
    return replace(measured, overhead=changed, host=host)


_BEST: dict[PartKind, Callable[[Measured, Unknown], Measured]] = {
    PartKind.THREADS: _probed,
    PartKind.PROCESSES: _probed,
    PartKind.PRELOADED_CALL: _preloaded,
    PartKind.ONE_THREAD: _one_thread,
    PartKind.METHOD: _calibrated,
}
"""What is tried for the first time can only be better than not tried; the others go both ways."""


def _cases(measured: Measured, unknown: Unknown, options: AdviseOptions) -> Iterable[Measured]:
    """The outcomes of a part that are looked at."""
    if unknown.kind in _BEST:
        return [_BEST[unknown.kind](measured, unknown)]
    if unknown.kind is PartKind.FIRST_CALL:
        return [_with_first_call(measured, share) for share in (0.0, 2.0)]
    if unknown.kind is PartKind.SAMPLES:
        spread = sampling_log(measured, options)
        longer = (partial(op_times, factor=exp(sign * spread)) for sign in (-1, 1))
        return [_with_ops(measured, each) for each in longer]
    if unknown.kind is PartKind.MOMENT:
        spread = _calibration_log(measured, unknown.method)
        return [_with_method(measured, unknown.method, exp(sign * spread)) for sign in (-1, 1)]
    return []


def _with_first_call(measured: Measured, share: float) -> Measured:
    """One more first call, whose extra is a share of the mean of those that were measured."""

    def changed(op: OpProfile) -> OpProfile:
        if not op.first_calls or not op.later_calls:
            return op
        typical = op.later_calls[0]
        extra_s = np.mean([call.wall_s for call in op.first_calls]) - typical.wall_s
        extra_cpu_s = np.mean([call.cpu_s for call in op.first_calls]) - typical.cpu_s
        further = typical.longer(share * float(extra_s), share * float(extra_cpu_s))
        return replace(op, first_calls=(*op.first_calls, further))

    return _with_ops(measured, changed)


def op_times(op: OpProfile, factor: float) -> OpProfile:
    """The op as if each of its calls took so many times as long."""

    def longer(calls: tuple[ItemSample, ...]) -> tuple[ItemSample, ...]:
        return tuple(
            replace(call, wall_s=call.wall_s * factor, cpu_s=call.cpu_s * factor) for call in calls
        )

    return replace(
        op,
        first_calls=longer(op.first_calls),
        preloaded_first_calls=longer(op.preloaded_first_calls),
        later_calls=longer(op.later_calls),
        limited_calls=longer(op.limited_calls),
    )


def _with_method(measured: Measured, method: str, factor: float) -> Measured:
    """The steps of a method so many times as dear."""
    overhead = measured.overhead
    if method in overhead.multiprocess:
        price = overhead.multiprocess[method]
        parts = ("boot_s", "prepare_s", "load_s", "finish_s", "exit_s", "server_start_s")
        dearer = replace(price, **{name: getattr(price, name) * factor for name in parts})
        overhead = replace(overhead, multiprocess={**overhead.multiprocess, method: dearer})
    elif method == "in_process":
        serial = overhead.in_process
        dearer_serial = replace(
            serial, start_s=serial.start_s * factor, step_s=serial.step_s * factor
        )
        overhead = replace(overhead, in_process=dearer_serial)
    return replace(measured, overhead=overhead)


def _with_ops(measured: Measured, changed: Callable[[OpProfile], OpProfile]) -> Measured:
    workload: WorkloadProfile = measured.workload
    return replace(
        measured, workload=replace(workload, ops=tuple(changed(op) for op in workload.ops))
    )


# --- how wide the intervals are --------------------------------------------------------------


def sampling_log(measured: Measured, options: AdviseOptions) -> float:
    """Half the 90 % interval of the items' mean, as a logarithm: few samples, a noisy machine."""
    items = items_of(measured.workload, options.items)
    return hypot(_spread_log(items), _noise_log(items, measured.overhead))


def _spread_log(items: Items) -> float:
    """The same, where the machine computes at one speed."""
    return float(np.abs(np.log(np.quantile(mean_factors(items, _DRAWS), [0.05, 0.95]))).max())


def _noise_log(items: Items, overhead: OverheadModel) -> float:
    busy = min(1.0, float(items.cpu_s.mean()) / max(float(items.wall_s.mean()), 1e-9))
    known_s = max(items.measured_cpu_s, LEAST_ITEMS_CPU_S)
    return Z * busy * overhead.noise / float(known_s**0.5)


def _calibration_log(measured: Measured, method: str) -> float:
    """Half the 90 % interval of what a method charges, as a logarithm."""
    overhead = measured.overhead
    known_s = max(overhead.measured_cpu_s.get(method, 0.0), 0.5)
    return Z * overhead.noise / float(known_s**0.5)


def is_wide(
    measured: Measured, advised: Prediction, options: AdviseOptions, precision: float | None
) -> bool:
    """Whether the advised way's interval is wider than asked.

    Not asked: whether the items differ so much that few of them tell little of their mean.
    """
    if precision is not None:
        return half_width(advised) > precision
    return _spread_log(items_of(measured.workload, options.items)) > Z * WIDE_SD


def half_width(advised: Prediction) -> float:
    """Half the interval's width over its median."""
    interval = advised.makespan_s
    return (interval.high - interval.low) / 2 / max(interval.median, 1e-9)


def methods_of(answer: Choice) -> tuple[str, ...]:
    """The calibration's names of the chosen ways' methods."""
    chosen = (answer.result.recommendation, answer.result.config_only)
    return tuple(dict.fromkeys(calibrated_as(each.candidate) for each in chosen))


def needed_workers(leads: Sequence[Candidate], kind: PartKind) -> int:
    """Workers of a kind that the ways have in parallel, at most."""
    if kind is PartKind.THREADS:
        loops = [way.max_concurrent for way in leads if way.executor == "async"]
        threads = [way.workers_in_op for way in leads if way.worker_kind == "thread"]
        return max([1, *loops, *threads])
    inside = [way.workers_in_op for way in leads if way.worker_kind == "process"]
    steps = [way.max_concurrent for way in leads if way.executor == "multiprocess"]
    return max([1, *inside, *steps])
