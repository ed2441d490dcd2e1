"""Later calls in further processes: at other moments, with one thread, and under pyinstrument."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast

from advisor.domain.work_kind import mostly_waits
from advisor.measure.campaign import (
    Campaign,
    Part,
    cores_busy,
    expected_s,
    needs_warm_up,
    typical_s,
)
from advisor.measure.hotspots import HotspotOrder, HotspotResult
from advisor.measure.orders import MOST_CALLS, ChainRun, LaterCalled, LaterCallsOrder
from advisor.measure.tuning import (
    FEWEST_LIKE_CALLS,
    HOTSPOT_S,
    HOTSPOT_SHARE,
    MOMENT_S,
    STEADY_CPU,
)

_MOST_ITEMS = 20  # under pyinstrument
_FINE_S = 0.05  # an item shorter than this needs the finer of pyinstrument's intervals


def later_calls(
    campaign: Campaign,
    *,
    seed: int,
    name: str = "later calls at another moment",
    into: list[ChainRun] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Part]:
    """Later calls at another moment: a shared machine computes at another speed then.

    Args:
        campaign: What was measured so far.
        seed: Of the items' order.
        name: Of the part.
        into: Where the runs go; None: to the other later calls.
        environment: Of the process.
    """
    scouted = campaign.scouted
    if not (campaign.repeatable and scouted.later) or cores_busy(scouted.later) < STEADY_CPU:
        return
    each_s = expected_s(scouted)
    round_s = sum(each_s.values())
    items = [
        item
        for turn in range(max(1, math.ceil(MOMENT_S / max(round_s, 1e-3))))
        for item in random.Random(f"0 {seed} {turn}").sample(list(each_s), len(each_s))  # noqa: S311
    ][:MOST_CALLS]
    warm_up = needs_warm_up(scouted)
    order = LaterCallsOrder(
        campaign.children.assignment, scouted.drawn, tuple(items), MOMENT_S, warm_up
    )
    cost_s = campaign.start_s + min(round_s, MOMENT_S) + typical_s(scouted)
    cost_s += scouted.first.wall_s if warm_up else 0.0
    into = campaign.later if into is None else into
    yield Part(name, cost_s, partial(_call, campaign, order, into, environment))


def _call(
    campaign: Campaign,
    order: LaterCallsOrder,
    into: list[ChainRun],
    environment: Mapping[str, str] | None,
) -> None:
    children = campaign.children
    campaign.touch_memory()
    result = children.run("calls:later_calls", order, environment=environment)
    if result.failure is not None:
        children.failed_again(result.failure)
        return
    called = cast("LaterCalled", result.value)
    children.executions += called.executions
    into.extend(called.runs)


def unevenness(runs: Sequence[ChainRun]) -> float:
    """How many times as long like calls compute at slow moments as at quick ones.

    The 90th over the 10th percentile of CPU seconds, each over the median of its item's; 1 where
    too few calls can be compared, or where they mostly wait.
    """
    by_item: dict[int, list[float]] = {}
    for run in runs:
        by_item.setdefault(run.item, []).append(sum(sample.cpu_s for sample in run.samples))
    over_median = [
        cpu_s / max(statistics.median(calls), 1e-9)
        for calls in by_item.values()
        for cpu_s in (calls if len(calls) > 1 else ())
    ]
    if len(over_median) < FEWEST_LIKE_CALLS or mostly_waits(cores_busy(runs)):
        return 1.0
    tenths = statistics.quantiles(over_median, n=10)
    return tenths[-1] / max(tenths[0], 1e-9)


def hotspots_s(calls_s: float) -> float:
    """Seconds of calls under pyinstrument, about, of those for all calls."""
    return min(HOTSPOT_S, HOTSPOT_SHARE * calls_s)


def hotspot_calls(campaign: Campaign) -> Iterator[Part]:
    """Calls under pyinstrument; wanted whatever they cost where a flame graph is asked for."""
    if not campaign.repeatable:
        return
    scouted, html = campaign.scouted, campaign.request.flamegraph is not None
    first_s, each_s = scouted.first.wall_s, typical_s(scouted)
    later_s = max(each_s, hotspots_s(campaign.budget.calls_s) - first_s, 1.0)
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
    yield Part("hot spots under pyinstrument", cost_s, partial(_under_profiler, campaign, order))


def _under_profiler(campaign: Campaign, order: HotspotOrder) -> None:
    from advisor.store import write_whole

    children, path = campaign.children, campaign.request.flamegraph
    result = children.run("hotspots:profile_items", order)
    if result.failure is not None:
        children.failed_again(result.failure)
        return
    campaign.hotspots = cast("HotspotResult", result.value)
    children.executions += campaign.hotspots.executions
    if path is not None and campaign.hotspots.html is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, campaign.hotspots.html)
