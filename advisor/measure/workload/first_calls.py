"""First calls in further fresh processes, with and without their imports done before."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from advisor.domain.stopping import PartKind, Unknown
from advisor.measure.loading.imports import FORK_CHECK_ENVIRONMENT, Preloadable
from advisor.measure.ops.orders import FirstCalled, FirstCallOrder
from advisor.measure.tuning import FRESH_PLACES, FRESH_PROCESSES
from advisor.measure.workload.campaign import Campaign, Part

FIRST_CALL, PRELOADED_CALL = Unknown(PartKind.FIRST_CALL), Unknown(PartKind.PRELOADED_CALL)


def preloadable(campaign: Campaign) -> Preloadable:
    """What of the first call's imports may be preloaded, and whether a fork is safe."""
    if campaign.preloadable is None:
        campaign.preloadable = _checked(campaign)
    return campaign.preloadable


def is_preload_known(campaign: Campaign) -> bool:
    """Whether that takes no time to say."""
    scouted = campaign.scouted
    return campaign.preloadable is not None or (scouted.forkable and not scouted.imported)


def _checked(campaign: Campaign) -> Preloadable:
    scouted, children = campaign.scouted, campaign.children
    target, modules = campaign.request.description.target, scouted.imported
    if not modules and scouted.forkable:
        return Preloadable((), {}, forkable=True)
    children.progress("checking which imports are safe before a fork", None)
    result = children.run(
        "loading.imports:check_preload", (target, modules), environment=FORK_CHECK_ENVIRONMENT
    )
    if result.failure is not None:
        reason = result.failure.as_note("importing it alone")
        return Preloadable((), dict.fromkeys((target.module_name, *modules), reason))
    return cast("Preloadable", result.value)


def first_calls(campaign: Campaign) -> Iterator[Part]:
    """One more first call, in a fresh process on another item."""
    place = campaign.attempts[FIRST_CALL]
    if campaign.confined or not (campaign.repeatable or campaign.request.each_item_once):
        return
    item = _fresh_item(campaign, place)
    if place + 1 < FRESH_PROCESSES and item is not None:
        yield _part(campaign, FIRST_CALL, partial(_call, campaign, item, preload=False))


def preloaded_calls(campaign: Campaign) -> Iterator[Part]:
    """The first calls again, on the same items, with their imports done before."""
    place = campaign.attempts[PRELOADED_CALL]
    if not campaign.repeatable or place >= FRESH_PROCESSES or campaign.confined:
        return
    if is_preload_known(campaign) and not preloadable(campaign).safe:
        return
    item = campaign.scouted.first.item if place == 0 else _fresh_item(campaign, place - 1)
    if item is not None:
        yield _part(campaign, PRELOADED_CALL, partial(_call, campaign, item, preload=True))


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


def _part(campaign: Campaign, tells: Unknown, run: Callable[[], None]) -> Part:
    cost_s = campaign.start_s + campaign.scouted.first.wall_s
    if tells == PRELOADED_CALL and not is_preload_known(campaign):
        cost_s += campaign.start_s
    return Part(tells.kind.value, tells, cost_s, run)


def _call(campaign: Campaign, item: int, *, preload: bool) -> None:
    safe = preloadable(campaign).safe if preload else ()
    if preload and not safe:
        return
    children = campaign.children
    order = FirstCallOrder(children.assignment, campaign.scouted.drawn, item, safe)
    result = children.run("ops.scout:first_call", order)
    if result.failure is not None:
        children.failed_again(result.failure)
        return
    called = cast("FirstCalled", result.value)
    children.executions += called.executions
    campaign.start_s = max(0.0, result.wall_s - called.run.wall_s)
    if not preload:
        campaign.base_rss_bytes.append(called.base_rss_bytes)
    campaign.resource_init.append(called.resource_init)
    campaign.take([called.run], campaign.preloaded if preload else campaign.first)
