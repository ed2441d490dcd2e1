"""Depth first or breadth first: chains of mapped ops whose later steps go first.

Dagster's executors run what became runnable first, so all items pass a chain's first op before
any of them reaches its second: every intermediate result waits at once, and the first result
comes late. ``dagster/priority`` tags turn that round; the whole run takes about as long.
"""

from collections.abc import Iterator
from dataclasses import replace

from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.model.prediction import Predictor
from advisor.model.search import TIE, SearchResult

EARLIER = 2.0
"""Depth first is worth a word where the first result comes this much earlier."""

LATE_S = 60.0
"""A tag is worth its line where the first result comes this much sooner: so much sooner is it
seen that a result is wrong or that the chain's last op fails."""

CROWDED = 0.25
"""It is, too, where the intermediate results that wait at once would fill this share of memory."""

NEAR = 1.25
"""Ways up to this factor slower than the best of their kind are predicted in both orders."""

MOST = 4
"""How many ways, besides those that the advice names, are predicted in both orders."""


def with_first_result(prediction: Prediction, predictor: Predictor) -> Prediction:
    """The prediction with when the first item is done, and what waits between the ops."""
    candidate, setting = prediction.candidate, predictor.setting
    if candidate.is_batched or len(setting.items.stages) < 2:
        return prediction
    first_s = predictor.first_result_s(candidate)
    if first_s is None:
        return prediction
    waiting = setting.items.count
    if candidate.depth_first or setting.depth_first:
        waiting = min(waiting, candidate.max_concurrent)
    waiting_bytes = waiting * setting.items.between_bytes
    return replace(prediction, first_result_s=first_s, intermediate_bytes=waiting_bytes)


def suffers(breadth: Prediction, depth: Prediction, memory_bytes: int) -> bool:
    """Whether time to the first result, or memory, is so much worse breadth first."""
    if breadth.first_result_s is None or depth.first_result_s is None:
        return False
    if breadth.first_result_s < EARLIER * depth.first_result_s:
        return False
    crowded = breadth.intermediate_bytes > CROWDED * memory_bytes > 0
    return crowded or breadth.first_result_s - depth.first_result_s >= LATE_S


def _orderable(result: SearchResult) -> Iterator[Candidate]:
    """Plain multiprocess ways: those that the advice names, and the best few."""
    ways = [
        each
        for each in result.candidates
        if each.candidate.executor == "multiprocess" and not each.candidate.needs_code
    ]
    best_s = min((w.makespan_s.median for w in ways if w.candidate.launch != "cli"), default=0.0)
    near = [w.candidate for w in ways if w.makespan_s.median <= NEAR * best_s][:MOST]
    named = {w.candidate for w in (result.recommendation, result.config_only, result.current) if w}
    return (way.candidate for way in ways if way.candidate in {*named, *near})


def in_both_orders(
    result: SearchResult, predictor: Predictor, *, change_code: bool
) -> SearchResult:
    """The result with plain multiprocess ways depth first beside them, and advised where it pays.

    A way and its twin tie in makespan, so the twin stands behind it with the same odds; it is
    advised in its place where the order matters for more than that.

    Args:
        result: For a chain of two or more mapped ops that no tag orders yet.
        change_code: Whether the advice may ask for the tags.
    """
    orderable = set(_orderable(result))
    orders: dict[Candidate, tuple[Prediction, ...]] = {}
    for way in result.candidates:
        orders[way.candidate] = (way,)
        if way.candidate in orderable:
            depth = replace(
                predictor.predict(replace(way.candidate, depth_first=True)),
                p_best=way.p_best,
                expected_regret=way.expected_regret,
                allowed=way.allowed and change_code,
            )
            both = (with_first_result(each, predictor) for each in (way, depth))
            orders[way.candidate] = tuple(both)

    def breadth_first(way: Prediction) -> Prediction:
        return orders[way.candidate][0]

    breadth, *deeper = orders[result.recommendation.candidate]
    chosen = breadth
    for depth in deeper:
        as_fast = depth.makespan_s.median <= (1.0 + TIE) * breadth.makespan_s.median
        memory_bytes = predictor.setting.machine.memory_bytes
        if depth.allowed and as_fast and suffers(breadth, depth, memory_bytes):
            chosen = depth
    return replace(
        result,
        recommendation=chosen,
        config_only=breadth_first(result.config_only),
        current=result.current and breadth_first(result.current),
        default=result.default and breadth_first(result.default),
        candidates=tuple(way for ways in orders.values() for way in ways),
    )
