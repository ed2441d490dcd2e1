"""Measure the other fan-outs of a job, once the first is known, as far as the budget goes."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean

from advisor.domain.errors import DynadviseError
from advisor.domain.fan_outs import FurtherFanOut, runs_again, waits_for
from advisor.domain.workload import WorkloadDescription, WorkloadProfile
from advisor.measure.budget import Budget
from advisor.measure.progress import Progress
from advisor.measure.workload.children import CutOffError, ProfileRequest
from advisor.measure.workload.op_profile import measured_workload
from advisor.measure.workload.scouting import scout

CHILD_S = 4.0
"""Of a quiet machine, that a fan-out's first calls take at least: a child's start, and imports."""


def _waits_s(
    request: ProfileRequest, first: WorkloadProfile, description: WorkloadDescription
) -> float:
    """All items of the first fan-out once more, where it waits for that."""
    if not waits_for(description, (request.description, *request.further)):
        return 0.0
    each_s = sum(fmean(call.wall_s for call in op.calls) for op in first.ops if op.calls)
    return (first.fan_out_items or first.items) * each_s


def measurable(request: ProfileRequest, further: tuple[WorkloadDescription, ...]) -> ProfileRequest:
    """The request with the fan-outs that may be measured: no op runs twice that must not."""
    if request.inputs is not None:
        return request
    every = (request.description, *further)
    once = request.each_item_once
    return replace(
        request, further=tuple(d for d in further if not (once and runs_again(d, every)))
    )


def measure_further(
    request: ProfileRequest, first: WorkloadProfile, budget: Budget, progress: Progress
) -> Iterator[FurtherFanOut]:
    """What the other fan-outs take; one that fails, or does not fit the budget, is left out."""
    for description in request.further:
        cost_s = budget.slowness * CHILD_S + _waits_s(request, first, description)
        name = f"the fan-out {description.fan_out.handle!r}" if description.fan_out else ""
        if not budget.fits(cost_s, name):
            continue
        options = replace(request.options, flamegraph=None)
        part_request = replace(
            request, description=description, items=None, options=options, further=()
        )
        part = Budget(max(budget.left_s / 4, cost_s), within=budget)
        try:
            campaign = scout(part_request, part, progress, whatever_it_takes=False)
        except CutOffError:
            budget.left_out.append(name)
            continue
        except DynadviseError:
            continue
        yield FurtherFanOut(description, measured_workload(campaign))
