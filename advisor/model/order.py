"""Depth first or breadth first: chains of mapped ops whose later steps go first.

Dagster's executors run what became runnable first, so all items pass a chain's first op before
any of them reaches its second: every intermediate result waits at once, and the first result
comes late. ``dagster/priority`` tags turn that round; the whole run takes about as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.model.prediction import Setting, estimate, first_result_s, prediction_of
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


def waiting_bytes(candidate: Candidate, setting: Setting) -> int:
    """Most intermediate results that wait for the next op of the chain at once, in bytes."""
    if candidate.is_batched or len(setting.items.stages) < 2:
        return 0
    count = setting.items.count
    if candidate.depth_first or setting.depth_first:
        count = min(count, candidate.max_concurrent)
    return count * setting.items.between_bytes


def with_first_result(prediction: Prediction, setting: Setting) -> Prediction:
    """The prediction with when the first item is done, and what waits between the ops."""
    candidate = prediction.candidate
    if candidate.is_batched or candidate.executor == "async" or len(setting.items.stages) < 2:
        return prediction
    return replace(
        prediction,
        first_result_s=first_result_s(candidate, setting),
        intermediate_bytes=waiting_bytes(candidate, setting),
    )


def suffers(breadth: Prediction, depth: Prediction, setting: Setting) -> bool:
    """Whether time to the first result, or memory, is so much worse breadth first."""
    if breadth.first_result_s is None or depth.first_result_s is None:
        return False
    if breadth.first_result_s < EARLIER * depth.first_result_s:
        return False
    crowded = breadth.intermediate_bytes > CROWDED * setting.machine.memory_bytes > 0
    return crowded or breadth.first_result_s - depth.first_result_s >= LATE_S


def _plain(predictions: Sequence[Prediction]) -> Iterator[Prediction]:
    for prediction in predictions:
        candidate = prediction.candidate
        if candidate.executor == "multiprocess" and not candidate.needs_code:
            yield prediction


def in_both_orders(result: SearchResult, setting: Setting, *, change_code: bool) -> SearchResult:
    """The result with plain multiprocess ways depth first beside them, and advised where it pays.

    A way and its twin tie in makespan, so the twin stands behind it with the same odds; it is
    advised in its place where the order matters for more than that.

    Args:
        result: For a chain of two or more mapped ops that no tag orders yet.
        setting: What was predicted with.
        change_code: Whether the advice may ask for the tags.
    """
    named = {
        prediction.candidate
        for prediction in (result.recommendation, result.config_only, result.current)
        if prediction is not None
    }
    plain = list(_plain(result.candidates))
    best = min((p.makespan_s.median for p in plain if p.candidate.launch != "cli"), default=0.0)
    near = [p.candidate for p in plain if p.makespan_s.median <= NEAR * best][:MOST]
    found: list[Prediction] = []
    twins: dict[Candidate, tuple[Prediction, Prediction]] = {}
    for prediction in result.candidates:
        if prediction not in plain or prediction.candidate not in {*named, *near}:
            found.append(prediction)
            continue
        breadth = with_first_result(prediction, setting)
        way = replace(prediction.candidate, depth_first=True)
        depth = replace(
            with_first_result(prediction_of(estimate(way, setting), setting), setting),
            p_best=prediction.p_best,
            expected_regret=prediction.expected_regret,
            allowed=prediction.allowed and change_code,
        )
        twins[prediction.candidate] = breadth, depth
        found += [breadth, depth]

    def known(prediction: Prediction | None) -> Prediction | None:
        if prediction is None or prediction.candidate not in twins:
            return prediction
        return twins[prediction.candidate][0]

    chosen = known(result.recommendation) or result.recommendation
    if chosen.candidate in twins:
        breadth, depth = twins[chosen.candidate]
        as_fast = depth.makespan_s.median <= (1.0 + TIE) * breadth.makespan_s.median
        if depth.allowed and as_fast and suffers(breadth, depth, setting):
            chosen = depth
    return replace(
        result,
        recommendation=chosen,
        config_only=known(result.config_only) or result.config_only,
        current=known(result.current),
        default=known(result.default),
        candidates=tuple(found),
    )
