"""Calls in further processes: first ones, later ones at other moments, and under pyinstrument."""

import math
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast

from advisor.domain.stopping import PartKind, Unknown
from advisor.domain.work_kind import mostly_waits
from advisor.measure import tuning
from advisor.measure.child import ChildResult
from advisor.measure.loading import FORK_CHECK_ENVIRONMENT, SINGLE_THREADED_BLAS, Preloadable
from advisor.measure.ops.hotspots import HotspotOrder, HotspotResult
from advisor.measure.ops.orders import MOST_CALLS, Called, CallsOrder, ChainRun, Scouted, cores_busy
from advisor.measure.workload.campaign import Campaign, Part

FIRST_CALL, PRELOADED_CALL = Unknown(PartKind.FIRST_CALL), Unknown(PartKind.PRELOADED_CALL)

SAMPLES, ONE_THREAD = Unknown(PartKind.SAMPLES), Unknown(PartKind.ONE_THREAD)
HOT_SPOTS = Unknown(PartKind.HOT_SPOTS)
_MOST_ITEMS = 20  # under pyinstrument
_FINE_S = 0.05  # an item shorter than this needs the finer of pyinstrument's intervals


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
        "loading:check_preload", (target, modules), environment=FORK_CHECK_ENVIRONMENT
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
    if place + 1 < tuning.FRESH_PROCESSES and item is not None:
        yield _first_call_part(campaign, FIRST_CALL, item, preload=False)


def preloaded_calls(campaign: Campaign) -> Iterator[Part]:
    """The first calls again, on the same items, with their imports done before."""
    place = campaign.attempts[PRELOADED_CALL]
    if not campaign.repeatable or place >= tuning.FRESH_PROCESSES or campaign.confined:
        return
    if is_preload_known(campaign) and not preloadable(campaign).safe:
        return
    item = campaign.scouted.first.item if place == 0 else _fresh_item(campaign, place - 1)
    if item is not None:
        yield _first_call_part(campaign, PRELOADED_CALL, item, preload=True)


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
    share = tuning.FRESH_PLACES[place % len(tuning.FRESH_PLACES)]
    return others[min(len(others) - 1, int(share * len(others)))]


def _first_call_part(campaign: Campaign, tells: Unknown, item: int, *, preload: bool) -> Part:
    cost_s = campaign.start_s + campaign.scouted.first.wall_s
    if preload and not is_preload_known(campaign):
        cost_s += campaign.start_s
    run = partial(_first_call, campaign, item, preload=preload)
    return Part(tells.kind.value, tells, cost_s, run)


def _first_call(campaign: Campaign, item: int, *, preload: bool) -> None:
    safe = preloadable(campaign).safe if preload else ()
    if preload and not safe:
        return
    assignment, drawn = campaign.children.assignment, campaign.scouted.drawn
    into = campaign.preloaded if preload else campaign.first
    order = CallsOrder(assignment, drawn, (item,), preload=safe)
    if (result := _take_calls(campaign, order, into)) is None:
        return
    called = cast("Called", result.value)
    campaign.start_s = max(0.0, result.wall_s - called.runs[0].wall_s)
    if not preload:
        campaign.base_rss_bytes.append(called.base_rss_bytes)
    campaign.resource_init.append(called.resource_init)


def _take_calls(
    campaign: Campaign,
    order: CallsOrder,
    into: list[ChainRun],
    environment: Mapping[str, str] | None = None,
) -> ChildResult | None:
    """Make calls in a further child, and keep them; None where it failed."""
    children = campaign.children
    result = children.run("ops.scout:calls", order, environment=environment)
    if result.failure is not None:
        children.failed_again(result.failure)
        return None
    called = cast("Called", result.value)
    children.executions += called.executions
    campaign.take(called.runs, into)
    return result


def more_samples(campaign: Campaign) -> Iterator[Part]:
    """Items that were not called yet; then those that compute, at other moments.

    A shared machine computes at another speed then.
    """
    scouted = campaign.scouted
    if not (campaign.repeatable and scouted.later):
        return
    called = {run.item for run in (scouted.first, *campaign.later)}
    places = enumerate(scouted.drawn.positions)
    new = [i for i, place in places if i not in called and place not in campaign.known_items]
    moments = campaign.attempts[SAMPLES]
    if new and moments < tuning.MOST_TURNS:
        yield _later_part(campaign, SAMPLES, new, campaign.later)
    elif moments < tuning.MOMENTS and cores_busy(scouted.later) >= tuning.STEADY_CPU:
        yield _later_part(campaign, SAMPLES, _again(scouted, moments), campaign.later)


def with_one_thread(campaign: Campaign) -> Iterator[Part]:
    """Later calls in a process whose math libraries compute on one thread."""
    if campaign.repeatable and campaign.scouted.later and not campaign.attempts[ONE_THREAD]:
        items, environment = _again(campaign.scouted, 3), SINGLE_THREADED_BLAS
        yield _later_part(campaign, ONE_THREAD, items, campaign.limited, environment)


def _again(scouted: Scouted, seed: int) -> list[int]:
    """The items that were called, in turns of random order, for a moment."""
    each_s = scouted.expected_s
    turns = max(1, math.ceil(tuning.MOMENT_S / max(sum(each_s.values()), 1e-3)))
    return [
        item
        for turn in range(turns)
        for item in random.Random(f"0 {seed} {turn}").sample(list(each_s), len(each_s))  # noqa: S311
    ]


def _later_part(
    campaign: Campaign,
    tells: Unknown,
    items: Sequence[int],
    into: list[ChainRun],
    environment: Mapping[str, str] | None = None,
) -> Part:
    scouted, warm_up = campaign.scouted, campaign.scouted.needs_warm_up
    order = CallsOrder(
        campaign.children.assignment,
        scouted.drawn,
        tuple(items[:MOST_CALLS]),
        tuning.MOMENT_S,
        warm_up,
    )
    each_s = scouted.typical_s
    cost_s = campaign.start_s + min(len(items) * each_s, tuning.MOMENT_S) + each_s
    cost_s += scouted.first.wall_s if warm_up else 0.0
    run = partial(_take_calls, campaign, order, into, environment)
    return Part(tells.kind.value, tells, cost_s, run)


def unevenness(runs: Sequence[ChainRun]) -> float:
    """How many times as long like calls compute at slow moments as at quick ones.

    The 90th over the 10th percentile of CPU seconds, each over the median of its item's; 1 where
    too few calls can be compared, or where they mostly wait.
    """
    by_item: dict[int, list[float]] = {}
    for run in runs:
        by_item.setdefault(run.item, []).append(run.cpu_s)
    over_median = [
        max(cpu_s, tuning.CPU_CLOCK_S) / max(statistics.median(calls), tuning.CPU_CLOCK_S)
        for calls in by_item.values()
        for cpu_s in (calls if len(calls) > 1 else ())
    ]
    if len(over_median) < tuning.FEWEST_LIKE_CALLS or mostly_waits(cores_busy(runs)):
        return 1.0
    tenths = statistics.quantiles(over_median, n=10)
    return tenths[-1] / tenths[0]


def hotspot_calls(campaign: Campaign) -> Iterator[Part]:
    """Calls under pyinstrument; wanted whatever they cost where a flame graph is asked for."""
    if not campaign.repeatable or campaign.attempts[HOT_SPOTS]:
        return
    scouted, html = campaign.scouted, campaign.request.options.flamegraph is not None
    first_s, each_s = scouted.first.wall_s, scouted.typical_s
    later_s = max(each_s, tuning.HOTSPOT_S - first_s, 1.0)
    items = [scouted.first.item, *dict.fromkeys(run.item for run in scouted.later)]
    order = HotspotOrder(
        campaign.children.assignment,
        scouted.drawn,
        tuple(items[:_MOST_ITEMS]),
        most_s=later_s,
        interval_s=0.001 if each_s > _FINE_S else 0.0002,
        html=html,
    )
    cost_s = -math.inf if html else campaign.start_s + first_s + later_s
    run = partial(_under_profiler, campaign, order)
    yield Part(HOT_SPOTS.kind.value, HOT_SPOTS, cost_s, run)


def _under_profiler(campaign: Campaign, order: HotspotOrder) -> None:
    from advisor.whole_files import write_whole

    children, path = campaign.children, campaign.request.options.flamegraph
    result = children.run("ops.hotspots:profile_items", order)
    if result.failure is not None:
        children.failed_again(result.failure)
        return
    campaign.hotspots = cast("HotspotResult", result.value)
    children.executions += campaign.hotspots.executions
    if path is not None and campaign.hotspots.html is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, campaign.hotspots.html)
