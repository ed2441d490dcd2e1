"""Is head slower than base? A planned sequence of looks at pairs of timings.

A pair is one fresh process of each revision, which take turns in random order; its value is the
logarithm of head's seconds over base's (:func:`pair_value`). The estimate is the mean of these.
Both bounds come from the sums of all subsets of the pairs: under "no difference" the random order
inside each pair makes every pattern of signs equally likely, so the ordered subset means cut the
line into equally likely pieces (Hartigan 1969, "Using subsample values as typical values", JASA
64:1303-1317; the bound is the inverted sign-flip test of Fisher). That is exact for any noise,
spikes and drift included, where a t bound on ten log ratios of a busy machine is not. All means are
weighted (:func:`weights_of`) by what does not change when the sides of a pair are swapped, so the
bounds stay exact.

Each kind of error is shared out in equal parts over the looks that can use theirs, and false alarms
over the ops besides (Bonferroni): valid however looks and ops depend on each other. "pass" needs
every op to pass, which needs no correction (Berger 1982, intersection-union). On recorded gates
this decides as soon and as right as spending the error unequally with Holm's step-down.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from advisor.domain.gate import Verdict
from advisor.domain.quantities import percent

FALSE_ALARM = 0.01
"""Chance of calling an unchanged op slower, over all looks and ops of one gate."""
MISSED = 0.025
"""Chance of passing an op that is slower by the limit, over all looks."""

_LOOK_SHARES = (0.4, 0.5, 0.7, 1.0)  # 8, 10, 14 and 20 of 20 pairs
_EXACT_PAIRS = 20  # 2**20 subsets: 30 ms; above it, subsets are drawn
_DRAWN_SUBSETS = 99_999
_MOST_PAIRS_NAMED = 2_000
_NEGLIGIBLE = 0.005  # of a log ratio: what the clock and the calls themselves cost


@dataclass(frozen=True, slots=True)
class LookPlan:
    """When to look, and which part of the errors each look may use; fixed before the first pair.

    Attributes:
        looks: Numbers of pairs after which a decision may fall; the last is the most there are.
        slower_levels: One-sided level of "is slower" at each look for a single op of the family
            (0: this look cannot say so, too few sign patterns for its level).
        fine_levels: One-sided level of "is less than the limit slower" at each look.
    """

    looks: tuple[int, ...]
    slower_levels: tuple[float, ...]
    fine_levels: tuple[float, ...]

    @property
    def max_pairs(self) -> int:
        """Pairs after which the gate ends, decided or not."""
        return self.looks[-1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the pairs say of one op. Ratios are head's seconds over base's; 1.1 is 10 % slower.

    Attributes:
        verdict: FAIL: certainly slower, and the estimate is above the limit. PASS: the upper
            bound is below the limit. INCONCLUSIVE: neither.
        certainly_slower: Whether "not slower" was rejected, however small the slowdown is.
        ratio: The estimate.
        low, high: One-sided bounds at the levels of the last look taken.
        pairs: Pairs that were used.
        pairs_to_decide: Where open: about how many pairs would decide, None where no sensible
            number would.
    """

    verdict: Verdict
    certainly_slower: bool
    ratio: float
    low: float
    high: float
    pairs: int
    pairs_to_decide: int | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    log_ratios: NDArray[np.float64]
    weights: NDArray[np.float64]
    subset_means: NDArray[np.float64] = field(repr=False)

    @property
    def estimate(self) -> float:
        return float(np.average(self.log_ratios, weights=self.weights))

    def lower(self, level: float) -> float:
        rank = self._rank(level)
        return self._ordered(rank - 1) if rank >= 1 else -math.inf

    def upper(self, level: float) -> float:
        rank = self._rank(level)
        return self._ordered(len(self.subset_means) - rank) if rank >= 1 else math.inf

    def _rank(self, level: float) -> int:
        return math.floor(level * (1 + len(self.subset_means)) + 1e-9)

    def _ordered(self, place: int) -> float:
        return float(np.partition(self.subset_means, place)[place])


def plan_looks(max_pairs: int = 20, ops: int = 1) -> LookPlan:
    """Plan the looks for at most ``max_pairs`` pairs and a family of ``ops`` ops.

    Raises:
        ValueError: ``max_pairs`` pairs can never show a slowdown at this false-alarm rate; the
            message names the smallest number that can.
    """
    fewest = fewest_pairs(ops)
    if max_pairs < fewest:
        message = (
            f"{max_pairs} pairs cannot show a slowdown of {ops} op{'s' if ops != 1 else ''} at "
            f"a false-alarm rate of {percent(FALSE_ALARM)}; at least {fewest} are needed"
        )
        raise ValueError(message)
    looks = tuple(sorted({max(1, round(share * max_pairs)) for share in _LOOK_SHARES}))
    return LookPlan(
        looks=looks,
        slower_levels=_levels(looks, FALSE_ALARM / ops),
        fine_levels=_levels(looks, MISSED),
    )


def fewest_pairs(ops: int) -> int:
    """Fewest pairs whose sign patterns can reject at the false-alarm rate shared by so many ops."""
    return math.ceil(math.log2(max(1, ops) / FALSE_ALARM))


def _levels(looks: Sequence[int], error: float) -> tuple[float, ...]:
    """Equal parts for the looks from the first one whose signs can show so small a part.

    The smallest p of a sign-flip test is ``2**-pairs``: a level below it buys nothing.
    """
    count = len(looks)
    first = next(i for i, pairs in enumerate(looks) if 2.0**-pairs <= error / (count - i))
    return (0.0,) * first + (error / (count - first),) * (count - first)


def compare(
    pairs: Mapping[str, Sequence[float]], plan: LookPlan, *, max_regression: float
) -> dict[str, Comparison]:
    """Judge each op by its pairs so far, look after look, as if they came in one by one.

    Pairs beyond the last look that is complete are not used: what counts was planned ahead. An
    op's pairs after the look that decided it are ignored likewise.

    Args:
        pairs: Op to the values of its pairs, in the order in which they were measured.
        plan: From :func:`plan_looks`, for at least as many ops.
        max_regression: The limit: 0.1 is 10 % slower.
    """
    limit = math.log1p(max_regression)
    decided: dict[str, Comparison] = {}
    latest = {op: _unjudged(measured) for op, measured in pairs.items()}
    for count, level_slower, level_fine in zip(
        plan.looks, plan.slower_levels, plan.fine_levels, strict=True
    ):
        for op, measured in pairs.items():
            if op in decided or len(measured) < count:
                continue
            look = _look(measured[:count])
            latest[op] = judged = _judge(
                look, latest[op], level_slower=level_slower, level_fine=level_fine, limit=limit
            )
            if judged.verdict is not Verdict.INCONCLUSIVE:
                decided[op] = judged
    return {
        op: decided.get(op) or _with_pairs_to_decide(latest[op], measured, plan, limit)
        for op, measured in pairs.items()
    }


def weights_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each pair counts: less from three times the middle distance from 0 on.

    Now and then one of two processes of the same code is slower by half for all of its life (1 of
    58 recorded pairs of the op that writes JSON). Swapping the sides of a pair does not change the
    distance from 0, so that the sign-flip test stays exact.
    """
    distance = np.abs(values)
    usual = 3.0 * (float(np.median(distance)) + _NEGLIGIBLE)
    return usual / np.maximum(distance, usual)


def still_open(comparisons: Mapping[str, Comparison], plan: LookPlan) -> tuple[str, ...]:
    """Ops that need more pairs, and may have them."""
    return tuple(
        op
        for op, comparison in comparisons.items()
        if comparison.verdict is Verdict.INCONCLUSIVE and comparison.pairs < plan.max_pairs
    )


def _judge(
    look: _Look, before: Comparison, *, level_slower: float, level_fine: float, limit: float
) -> Comparison:
    """What a look says; what an earlier one was certain of stays so."""
    low, high = look.lower(level_slower), look.upper(level_fine)
    certain = before.certainly_slower or low > 0.0
    return _concluded(look.estimate, low, high, len(look.log_ratios), limit, certain=certain)


def _concluded(
    estimate: float, low: float, high: float, pairs: int, limit: float, *, certain: bool
) -> Comparison:
    """The comparison that an estimate and its bounds (logarithms) amount to."""
    verdict = Verdict.INCONCLUSIVE
    if certain and estimate > limit:
        verdict = Verdict.FAIL
    elif high < limit:
        verdict = Verdict.PASS
    return Comparison(verdict, certain, math.exp(estimate), math.exp(low), math.exp(high), pairs)


def _unjudged(pairs: Sequence[float]) -> Comparison:
    ratio = math.exp(float(np.mean(pairs))) if pairs else math.nan
    return Comparison(Verdict.INCONCLUSIVE, False, ratio, 0.0, math.inf, 0)


def _with_pairs_to_decide(
    comparison: Comparison, pairs: Sequence[float], plan: LookPlan, limit: float
) -> Comparison:
    """The number of pairs at which a normal bound of the same spread would decide."""
    if comparison.verdict is not Verdict.INCONCLUSIVE or len(pairs) < 2:
        return comparison
    from scipy.stats import norm

    values = np.array(pairs, dtype=np.float64)
    weights = weights_of(values)
    estimate = float(np.average(values, weights=weights))
    error = math.sqrt(float(weights**2 @ (values - estimate) ** 2)) / float(weights.sum())
    gap, level = (
        (estimate, plan.slower_levels[-1])
        if estimate > limit
        else (limit - estimate, plan.fine_levels[-1])
    )
    if gap <= 0:
        return comparison
    needed = math.ceil(len(pairs) * (float(norm.isf(level)) * error / gap) ** 2)
    needed = max(needed, comparison.pairs + 1)
    return replace(comparison, pairs_to_decide=needed if needed <= _MOST_PAIRS_NAMED else None)


def _look(pairs: Sequence[float]) -> _Look:
    values = np.array(pairs, dtype=np.float64)
    weights = weights_of(values)
    if len(pairs) <= _EXACT_PAIRS:
        sums = np.zeros(1)
        sizes = np.zeros(1)
        for value, weight in zip(values, weights, strict=True):
            sums = np.concatenate([sums, sums + weight * value])
            sizes = np.concatenate([sizes, sizes + weight])
        means = sums[1:] / sizes[1:]
    else:
        # Drawn subsets keep the level (Phipson and Smyth 2010): the observed pattern counts as
        # one of them. The seed is fixed so that the same timings always get the same answer.
        random = np.random.default_rng(len(pairs))
        chosen = random.integers(0, 2, size=(_DRAWN_SUBSETS, len(pairs)), dtype=np.int8)
        chosen = chosen[chosen.any(axis=1)]
        means = (chosen @ (weights * values)) / (chosen @ weights)
    return _Look(values, weights, means)


def pair_value(
    base_calls_s: Sequence[Sequence[float]], head_calls_s: Sequence[Sequence[float]]
) -> float:
    """The value of a pair of processes: the logarithm of head's seconds over base's.

    Calls of the same item and place were made one right after the other, so what they have in
    common is the machine's speed just then. Each item's ratio is the median over its repeats; items
    count by their seconds. Swapping the sides changes the sign alone. Processes with other calls
    (inputs that differ) are compared as a whole.

    Args:
        base_calls_s: Item by item, the seconds of its repeated calls.
    """
    if [len(item) for item in base_calls_s] != [len(item) for item in head_calls_s]:
        return log_ratio(process_seconds(base_calls_s), process_seconds(head_calls_s))
    base_s = head_s = 0.0
    for base, head in zip(base_calls_s, head_calls_s, strict=True):
        before, after = np.log(base), np.log(head)
        middle_s = math.exp(float(np.median(before + after)) / 2)
        half = math.exp(float(np.median(after - before)) / 2)
        base_s += middle_s / half
        head_s += middle_s * half
    return log_ratio(base_s, head_s)


def process_seconds(calls_s: Sequence[Sequence[float]]) -> float:
    """One process's seconds for its items: the sum over items of their repeats' lower quartile.

    What disturbs a call only ever adds, so low values tell more of the code than the middle
    (Chen and Revels 2016, "Robust benchmarking in noisy environments"); the minimum itself
    depends on a single call.

    Args:
        calls_s: Item by item, the seconds of its repeated calls.
    """
    return float(sum(np.quantile(item, 0.25) for item in calls_s))


def log_ratio(base_s: float, head_s: float) -> float:
    """Value of a pair: above 0 where head is slower."""
    return math.log(max(head_s, 1e-9) / max(base_s, 1e-9))


def compare_with_past(
    log_ratios: Sequence[float], drift: float, *, max_regression: float
) -> Comparison:
    """Judge fresh processes of head against one figure measured earlier; weaker than pairs.

    Nothing was measured beside head, so the host's own drift between then and now (``drift``,
    relative standard deviation, in the earlier figure and in this one) widens the bounds and
    more processes do not narrow it. Bounds are Student's.

    Args:
        log_ratios: Of each process of head over the earlier figure.
        drift: From the fitted overhead model.
    """
    from scipy.stats import t

    values = np.asarray(log_ratios, dtype=np.float64)
    estimate, count = float(values.mean()), len(values)
    within = float(values.std(ddof=1)) if count > 1 else math.inf
    error = math.sqrt(within**2 / count + 2 * drift**2)
    low = estimate - float(t.isf(FALSE_ALARM, max(1, count - 1))) * error
    high = estimate + float(t.isf(MISSED, max(1, count - 1))) * error
    limit = math.log1p(max_regression)
    return _concluded(estimate, low, min(high, 700.0), count, limit, certain=low > 0)
