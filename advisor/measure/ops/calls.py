"""Further children of a measurement: first calls in fresh processes, and later calls."""

from __future__ import annotations

from advisor.measure.meter import Meter
from advisor.measure.ops.orders import (
    ChainRun,
    FirstCalled,
    FirstCallOrder,
    LaterCalled,
    LaterCallsOrder,
)
from advisor.measure.ops.session import session


def first_call(order: FirstCallOrder) -> FirstCalled:
    """One call of the chain, the first of this process."""
    with session(order.assignment, drawn=order.drawn, preload=order.preload) as opened:
        run, _ = opened.measure_chain(order.item, Meter())
        return FirstCalled(run, opened.resource_init, opened.base_rss_bytes, opened.executions)


def later_calls(order: LaterCallsOrder) -> LaterCalled:
    """Call the items one after another, for some seconds."""
    with session(order.assignment, drawn=order.drawn) as opened:
        meter = Meter()
        if order.warm_up:
            opened.call_chain(order.items[0])
        runs: list[ChainRun] = []
        spent_s = 0.0
        for item in order.items:
            if spent_s > order.most_s:
                break
            runs.append(opened.measure_chain(item, meter)[0])
            spent_s += runs[-1].wall_s
        return LaterCalled(tuple(runs), opened.executions)
