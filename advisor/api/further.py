"""Measure the other fan-outs of a job, once the first is settled, as far as the budget goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from advisor.domain.errors import DynadviseError
from advisor.domain.fan_outs import FurtherFanOut, waits_for
from advisor.domain.workload import WorkloadDescription, WorkloadProfile
from advisor.measure.budget import Budget
from advisor.measure.progress import Progress
from advisor.measure.workload.children import CutOffError
from advisor.measure.workload.op_profile import measured_workload
from advisor.measure.workload.profile_request import ProfileRequest
from advisor.measure.workload.scouting import scout

if TYPE_CHECKING:
    from advisor.api.measuring import Measuring
    from advisor.domain.stopping import MeasuringEnd

CHILD_S = 4.0
"""Seconds that a fan-out's first calls take at least: a child's start, and imports."""

RESERVED_SHARE = 0.4
"""Of the budget, at most, that the first fan-out leaves to the others."""


def _costs_s(
    request: ProfileRequest, first: WorkloadProfile, description: WorkloadDescription
) -> float:
    """A child's start; all items of the first fan-out once more, where it waits for that."""
    if not waits_for(description, (request.description, *request.further)):
        return CHILD_S
    each_s = sum(fmean(call.wall_s for call in op.calls) for op in first.ops if op.calls)
    return CHILD_S + (first.fan_out_items or first.items) * each_s


def measurable(request: ProfileRequest, further: tuple[WorkloadDescription, ...]) -> ProfileRequest:
    """The request with the fan-outs that may be measured: no op runs twice that must not."""
    if request.inputs is not None:
        return request
    every = (request.description, *further)
    once = request.each_item_once
    return replace(request, further=tuple(d for d in further if not (once and waits_for(d, every))))


def until_all_settled(
    measuring: Measuring, request: ProfileRequest, budget: Budget, progress: Progress
) -> tuple[MeasuringEnd, tuple[FurtherFanOut, ...]]:
    """Measure the first fan-out until it is settled, then the others.

    A part of the budget is kept for these; one that fails, or no longer fits, is left out.
    """
    first = measuring.measured().workload
    wanted_s = 2 * sum(_costs_s(request, first, each) for each in request.further)
    budget.reserved_s = min(RESERVED_SHARE * budget.asked_s, wanted_s)
    end = measuring.until_settled()
    budget.reserved_s = 0.0
    further: list[FurtherFanOut] = []
    with suppress(KeyboardInterrupt):
        further.extend(_measured(request, first, budget, progress))
    return end, tuple(further)


def _measured(
    request: ProfileRequest, first: WorkloadProfile, budget: Budget, progress: Progress
) -> Iterator[FurtherFanOut]:
    for description in request.further:
        cost_s = _costs_s(request, first, description)
        name = f"the fan-out {description.fan_out.handle!r}" if description.fan_out else ""
        if not budget.fits(cost_s, name):
            continue
        asked = replace(request, description=description, items=None, flamegraph=None, further=())
        try:
            campaign = scout(asked, Budget(max(budget.left_s, cost_s)), progress)
        except (DynadviseError, CutOffError):
            continue
        yield FurtherFanOut(description, measured_workload(campaign))
