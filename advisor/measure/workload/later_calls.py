"""Later calls in further processes: at other moments, with one thread, and under pyinstrument."""

import math
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast

from advisor.domain.stopping import PartKind, Unknown
from advisor.domain.work_kind import mostly_waits
from advisor.measure.loading.imports import SINGLE_THREADED_BLAS
from advisor.measure.ops.hotspots import HotspotOrder, HotspotResult
from advisor.measure.ops.orders import MOST_CALLS, ChainRun, LaterCalled, LaterCallsOrder, Scouted
from advisor.measure.tuning import (
    CPU_CLOCK_S,
    FEWEST_LIKE_CALLS,
    HOTSPOT_S,
    MOMENT_S,
    MOMENTS,
    MOST_TURNS,
    STEADY_CPU,
)
from advisor.measure.workload.campaign import (
    Campaign,
    Part,
    cores_busy,
    expected_s,
    needs_warm_up,
    typical_s,
)

SAMPLES, ONE_THREAD = Unknown(PartKind.SAMPLES), Unknown(PartKind.ONE_THREAD)
HOT_SPOTS = Unknown(PartKind.HOT_SPOTS)
_MOST_ITEMS = 20  # under pyinstrument
_FINE_S = 0.05  # an item shorter than this needs the finer of pyinstrument's intervals


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
    if new and moments < MOST_TURNS:
        yield _part(campaign, SAMPLES, new, campaign.later)
    elif moments < MOMENTS and cores_busy(scouted.later) >= STEADY_CPU:
        yield _part(campaign, SAMPLES, _again(scouted, moments), campaign.later)


def with_one_thread(campaign: Campaign) -> Iterator[Part]:
    """Later calls in a process whose math libraries compute on one thread."""
    if campaign.repeatable and campaign.scouted.later and not campaign.attempts[ONE_THREAD]:
        items, environment = _again(campaign.scouted, 3), SINGLE_THREADED_BLAS
        yield _part(campaign, ONE_THREAD, items, campaign.limited, environment)


def _again(scouted: Scouted, seed: int) -> list[int]:
    """The items that were called, in turns of random order, for a moment."""
    each_s = expected_s(scouted)
    turns = max(1, math.ceil(MOMENT_S / max(sum(each_s.values()), 1e-3)))
    return [
        item
        for turn in range(turns)
        for item in random.Random(f"0 {seed} {turn}").sample(list(each_s), len(each_s))  # noqa: S311
    ]


def _part(
    campaign: Campaign,
    tells: Unknown,
    items: Sequence[int],
    into: list[ChainRun],
    environment: Mapping[str, str] | None = None,
) -> Part:
    scouted, warm_up = campaign.scouted, needs_warm_up(campaign.scouted)
    order = LaterCallsOrder(
        campaign.children.assignment, scouted.drawn, tuple(items[:MOST_CALLS]), MOMENT_S, warm_up
    )
    each_s = typical_s(scouted)
    cost_s = campaign.start_s + min(len(items) * each_s, MOMENT_S) + each_s
    cost_s += scouted.first.wall_s if warm_up else 0.0
    run = partial(_call, campaign, order, into, environment)
    return Part(tells.kind.value, tells, cost_s, run)


def _call(
    campaign: Campaign,
    order: LaterCallsOrder,
    into: list[ChainRun],
    environment: Mapping[str, str] | None,
) -> None:
    children = campaign.children
    result = children.run("ops.scout:later_calls", order, environment=environment)
    if result.failure is not None:
        children.failed_again(result.failure)
        return
    called = cast("LaterCalled", result.value)
    children.executions += called.executions
    campaign.take(called.runs, into)


def unevenness(runs: Sequence[ChainRun]) -> float:
    """How many times as long like calls compute at slow moments as at quick ones.

    The 90th over the 10th percentile of CPU seconds, each over the median of its item's; 1 where
    too few calls can be compared, or where they mostly wait.
    """
    by_item: dict[int, list[float]] = {}
    for run in runs:
        by_item.setdefault(run.item, []).append(run.cpu_s)
    over_median = [
        max(cpu_s, CPU_CLOCK_S) / max(statistics.median(calls), CPU_CLOCK_S)
        for calls in by_item.values()
        for cpu_s in (calls if len(calls) > 1 else ())
    ]
    if len(over_median) < FEWEST_LIKE_CALLS or mostly_waits(cores_busy(runs)):
        return 1.0
    tenths = statistics.quantiles(over_median, n=10)
    return tenths[-1] / tenths[0]


def hotspot_calls(campaign: Campaign) -> Iterator[Part]:
    """Calls under pyinstrument; wanted whatever they cost where a flame graph is asked for."""
    if not campaign.repeatable or campaign.attempts[HOT_SPOTS]:
        return
    scouted, html = campaign.scouted, campaign.request.options.flamegraph is not None
    first_s, each_s = scouted.first.wall_s, typical_s(scouted)
    later_s = max(each_s, HOTSPOT_S - first_s, 1.0)
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
