"""The first child: whether the op works at all, and what an item costs; all else follows."""

import tempfile
from typing import cast

from advisor.domain.quantities import seconds
from advisor.measure import tuning
from advisor.measure.budget import Budget
from advisor.measure.ops.orders import Scouted, ScoutOrder
from advisor.measure.progress import Progress
from advisor.measure.workload.calls import first_calls
from advisor.measure.workload.campaign import Campaign
from advisor.measure.workload.children import Children, ProfileRequest
from advisor.measure.workload.op_profile import begin


def scout(
    request: ProfileRequest,
    budget: Budget,
    progress: Progress,
    *,
    spend_budget: bool = False,
    whatever_it_takes: bool = True,
) -> Campaign:
    """Draw the samples and run the first of them: the measurement begins.

    The samples lie in the workspace, which the caller holds open until the measurement ends. The
    first child ends once the mean of the items is known, unless all of the budget is to be spent.

    Raises:
        CutOffError: The budget was passed meanwhile; ``whatever_it_takes`` goes on then.
        TargetError: The target or its inputs cannot be loaded.
        UserCodeError: The user's code raised, hung, exited or was killed; with op, item and the
            last frames of the user's traceback.
    """
    children = Children(request, budget, progress, tempfile.mkdtemp(prefix="items-"))
    progress("taking the samples, first and later calls", None)
    order = ScoutOrder(
        children.assignment,
        later_s=tuning.LATER_SHARE * budget.asked_s,
        most_s=tuning.SCOUT_SHARE * budget.asked_s - budget.spent_s,
        steady_se=0.0 if spend_budget else tuning.STEADY_SE,
        each_once=request.each_item_once,
        reserved=tuning.FRESH_PROCESSES + 1,
        seed=0,
        collect=request.options.measure_collect,
    )
    result = children.run("ops.scout:scout", order, whatever_it_takes=whatever_it_takes)
    scouted = cast("Scouted", result.unwrap(request.description.target.spelled))
    drawn = scouted.drawn
    children.executions += scouted.executions
    drawn_by_op = drawn.unpicklable is not None and drawn.fan_out_s is not None
    confined = drawn_by_op and not request.fan_out_again
    calls_s = sum(run.wall_s for run in (scouted.first, *scouted.later))
    start_s = scouted.start_s - (drawn.fan_out_s or 0.0) - drawn.upstream_s
    start_s += max(0.0, result.wall_s - scouted.start_s - calls_s) * 0.5
    campaign = Campaign(
        children,
        scouted,
        repeatable=scouted.repeatable and not confined,
        confined=confined,
        start_s=start_s,
    )
    children.item_bytes = scouted.peak_bytes
    called_bytes = min(campaign.items, tuning.MOST_WAITING["thread"]) * children.item_bytes
    stored_bytes = campaign.items * scouted.first.stored_bytes
    if max(called_bytes, stored_bytes) >= tuning.MUCH_MEMORY_BYTES:
        children.price_first_touch()
    if scouted.first_waited_s > tuning.READING_S or (
        children.item_bytes >= tuning.UNKNOWN_PEAK_BYTES and scouted.needs_warm_up
    ):
        _another_first_call(campaign)
    _note_samples(campaign)
    return campaign


def _another_first_call(campaign: Campaign) -> None:
    """Another first call in place of the first child's.

    That one got memory and read files that were not used lately. What memory costs then is priced
    once for a run, not once for each of its processes; files are read once in many runs.
    """
    for part in list(first_calls(campaign)):
        if campaign.budget.fits(part.cost_s, part.name):
            begin(campaign, part)
    if len(campaign.first) < 2:
        return
    campaign.first.remove(campaign.scouted.first)
    waited_s = campaign.scouted.first.waited_s - campaign.first[0].waited_s
    if waited_s > tuning.READING_S:
        campaign.children.notes.add(
            f"The very first call waited {seconds(waited_s)} longer than the first one of another "
            "process, as the first reading of files does: that is in no prediction."
        )


def _note_samples(campaign: Campaign) -> None:
    request, scouted, notes = campaign.request, campaign.scouted, campaign.children.notes
    notes.add(*scouted.notes)
    drawn = scouted.drawn
    if not scouted.later and not request.each_item_once:
        began, item_s = campaign.budget.importing_s + scouted.start_s, scouted.first.wall_s
        cause = f"One item takes {seconds(item_s)}"
        if began > item_s:
            cause = f"Starting and importing took {seconds(began)}"
        notes.add(
            f"{cause}, so that an item was run once in the budget of "
            f"{seconds(campaign.budget.asked_s)}: there is no later call to compare with, and the "
            "intervals are wide."
        )
    if drawn.unpicklable:
        notes.add(f"An item cannot be pickled: {drawn.unpicklable}.")
    if campaign.confined:
        notes.add(
            "Measured in one process only, since another one would have to run the fan-out op "
            "again for such items: --inputs gives them without it, --allow-side-effects "
            "lets it run again."
        )
