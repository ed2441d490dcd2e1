"""The whole list of items in its own order: measured ones at their places, the others drawn."""

import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from advisor.model.items import Items
from advisor.model.stage import FloatArray

Calls = NDArray[np.intp]
"""Indices of measured calls."""

FEWEST_PLACES = 8
"""Measured items that may show whether the list has an order."""


def is_ordered(items: Items) -> bool:
    """Whether neighbours of the list are more alike than any two items (1 % level).

    The mean square successive difference, over the variance (von Neumann 1941).
    """
    count = len(items.places)
    if count < FEWEST_PLACES:
        return False
    logs = np.log(np.maximum(items.mean_wall_s, 1e-6))
    squares = float(((logs - logs.mean()) ** 2).sum())
    ratio = float((np.diff(logs) ** 2).sum()) / max(squares, 1e-12)
    least = 2.0 - 2.33 * 2.0 * ((count - 2) / (count**2 - 1)) ** 0.5
    return squares > count * 1e-6 and ratio < least


def _scores(places: Sequence[float]) -> FloatArray:
    """Standard normal quantiles of these places."""
    return np.array([NormalDist().inv_cdf(place) for place in places])


def with_last(items: Items) -> Items:
    """The items, with one more that stands for the last of an ordered list, if it was not measured.

    The longest items of a sorted list end last. Log seconds go on beyond the last measured place
    as they grew there by the places' normal scores: as the tail of log-normal items does.
    """
    if items.exact or not is_ordered(items) or items.places[-1] * items.count > items.count - 1:
        return items
    place = 1.0 - 0.5 / items.count
    *_, last, end = scores = _scores((*items.places, place))
    near = scores[-FEWEST_PLACES - 1 : -1]
    logs = np.log(np.maximum(items.mean_wall_s[-FEWEST_PLACES:], 1e-6))
    slope = float(np.polyfit(near, logs, 1)[0])
    factor = float(np.exp(slope * (end - last)))
    return replace(
        items,
        places=(*items.places, place),
        stages=tuple(stage.with_another(items.calls_each, factor) for stage in items.stages),
    )


def _calls(items: Items, chosen: Calls, rng: np.random.Generator) -> Calls:
    """One call of each of these measured items."""
    return np.asarray(chosen * items.calls_each + rng.integers(items.calls_each, size=chosen.shape))


def _between(items: Items, length: int, rows: int, rng: np.random.Generator) -> Calls:
    """Either neighbour of each place of an ordered list, the closer one more often."""
    places = (np.arange(length) + 0.5) / length
    at = np.interp(_scores(places.tolist()), _scores(items.places), np.arange(len(items.places)))
    return np.asarray(at + rng.random((rows, length)), dtype=np.intp)


def _filled(items: Items, drawn: Calls) -> Calls:
    """The same with the measured items at their places, where this is the whole list."""
    if drawn.shape[-1] == items.count and items.sample_numbers:
        drawn[..., list(items.sample_numbers)] = np.arange(len(items.sample_numbers))
    return drawn


def reference_list(items: Items, length: int | None = None) -> Calls:
    """Calls that stand for the whole list, as even as the measured ones allow (shape: length).

    Args:
        length: Of a thinned list; None: all items.
    """
    length = items.count if length is None else length
    rng = np.random.default_rng(12345)
    if is_ordered(items):
        chosen = _between(items, length, 1, rng)[0]
    else:
        means = items.mean_wall_s
        left = length - (len(items.sample_numbers) if length == items.count else 0)
        even = np.argsort(means)[(np.arange(left) * 2 + 1) * len(means) // (2 * max(1, left))]
        chosen = np.zeros(length, dtype=np.intp)
        open_places = np.ones(length, dtype=bool)
        if length == items.count:
            open_places[list(items.sample_numbers)] = False
        chosen[open_places] = rng.permutation(even)
    return _calls(items, _filled(items, chosen), rng)


def drawn_lists(items: Items, rows: int) -> Calls:
    """Whole lists as they may be, common to all candidates (shape: rows x items)."""
    rng = np.random.default_rng(67890)
    if is_ordered(items):
        chosen = _between(items, items.count, rows, rng)
    else:
        chosen = rng.integers(len(items.mean_wall_s), size=(rows, items.count))
    return _calls(items, _filled(items, chosen), rng)


def is_certain(items: Items) -> bool:
    """Whether every list that may be drawn is the same."""
    return items.exact and items.calls_each == 1


def dealt(items: int, batches: int) -> Calls:
    """Items of each batch, as the emitted code deals them (shape: batches x rounds); -1: none.

    Each round of as many items as batches goes to them in an order of its own: neighbours of like
    length part ways, and no period of the list meets that of the rounds.
    """
    dealer = random.Random(0)  # noqa: S311 - an order, not a secret
    places = np.full((batches, -(-items // batches)), -1, dtype=np.intp)
    for turn, first in enumerate(range(0, items, batches)):
        order = dealer.sample(range(batches), batches)[: items - first]
        places[order, turn] = np.arange(first, first + len(order))
    return places


def in_batches(seconds: FloatArray, batches: Calls) -> FloatArray:
    """Seconds by batch and round (shape: rows x batches x rounds) of whole lists (rows x items)."""
    padded = np.concatenate([seconds, np.zeros((len(seconds), 1))], axis=1)
    return np.asarray(padded[:, batches])
