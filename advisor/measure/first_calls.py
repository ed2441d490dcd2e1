"""First calls in further fresh processes, with and without their imports done before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

from advisor.measure.campaign import Campaign, Part
from advisor.measure.imports import FORK_CHECK_ENVIRONMENT, Preloadable
from advisor.measure.orders import FirstCalled, FirstCallOrder
from advisor.measure.tuning import FRESH_PLACES


def check_preload(campaign: Campaign) -> Preloadable:
    """What of the first call's imports may be preloaded, and whether a fork is safe."""
    scouted, children = campaign.scouted, campaign.children
    target, modules = campaign.request.description.target, scouted.imported
    if not modules and scouted.forkable:
        return Preloadable((), {}, forkable=True)
    children.progress("checking which imports are safe before a fork", None)
    result = children.run(
        "imports:check_preload", (target, modules), environment=FORK_CHECK_ENVIRONMENT
    )
    if result.failure is not None:
        reason = result.failure.as_note("importing it alone")
        return Preloadable((), dict.fromkeys((target.module_name, *modules), reason))
    return cast("Preloadable", result.value)


def first_calls(campaign: Campaign, count: int, *, from_place: int) -> Iterator[Part]:
    """So many more first calls, each in a fresh process on another item."""
    if campaign.confined or not (campaign.repeatable or campaign.request.each_item_once):
        return
    for turn in range(count):
        item = _fresh_item(campaign, from_place + turn)
        if item is not None:
            yield _part(campaign, "more first calls", item, ())


def preloaded_calls(campaign: Campaign, places: Sequence[int | None]) -> Iterator[Part]:
    """The first calls again, on the same items, with their imports done before.

    Args:
        campaign: What was measured so far.
        places: As for the first calls; None is the first child's.
    """
    safe = campaign.preloadable.safe
    if not safe or not campaign.repeatable:
        return
    for place in places:
        first = campaign.scouted.first.item
        item = first if place is None else _fresh_item(campaign, place)
        if item is not None:
            yield _part(campaign, "first calls with their imports preloaded", item, safe)


def _fresh_item(campaign: Campaign, place: int) -> int | None:
    """An item for a fresh process: not the first child's, and each time another.

    None where no item may run again and all have run.
    """
    scouted, once = campaign.scouted, campaign.request.each_item_once
    others = [item for item in range(len(scouted.drawn.positions)) if item != scouted.first.item]
    if once:
        called = {run.item for run in (scouted.first, *scouted.later)}
        others = [item for item in others if item not in called]
    if not others:
        return None if once else scouted.first.item
    share = FRESH_PLACES[place % len(FRESH_PLACES)]
    return others[min(len(others) - 1, int(share * len(others)))]


def _part(campaign: Campaign, name: str, item: int, preload: tuple[str, ...]) -> Part:
    cost_s = campaign.start_s + campaign.scouted.first.wall_s
    return Part(name, cost_s, partial(_call, campaign, item, preload))


def _call(campaign: Campaign, item: int, preload: tuple[str, ...]) -> None:
    children = campaign.children
    campaign.touch_memory()
    order = FirstCallOrder(children.assignment, campaign.scouted.drawn, item, preload)
    result = children.run("calls:first_call", order)
    if result.failure is not None:
        children.failed_again(result.failure)
        return
    called = cast("FirstCalled", result.value)
    children.executions += called.executions
    campaign.start_s = max(0.0, result.wall_s - called.run.wall_s)
    if not preload:
        campaign.base_rss_bytes.append(called.base_rss_bytes)
    campaign.resource_init.append(called.resource_init)
    (campaign.preloaded if preload else campaign.first).append(called.run)
