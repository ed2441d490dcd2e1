"""A whole measurement of a workload, without a host."""

from __future__ import annotations

from advisor.domain.workload import WorkloadProfile
from advisor.measure.budget import Budget
from advisor.measure.progress import silent
from advisor.measure.workload.calls import hotspot_calls
from advisor.measure.workload.children import ProfileRequest
from advisor.measure.workload.op_profile import (
    begin,
    measured_workload,
    note_what_is_less_certain,
    open_parts,
)
from advisor.measure.workload.scouting import scout
from advisor.measure.workspace import workspace


def profile_workload(request: ProfileRequest, budget_s=60.0, progress=silent) -> WorkloadProfile:
    """Each kind of part once, as far as the budget goes."""
    budget = Budget(budget_s)
    with workspace():
        campaign = scout(request, budget, budget.on_bar(progress), spend_budget=True)
        while part := next((p for p in new_parts(campaign) if budget.fits(p.cost_s, p.name)), None):
            begin(campaign, part)
        note_what_is_less_certain(campaign)
        return measured_workload(campaign)


def new_parts(campaign):
    """Parts of a kind that was not begun; of those with one thread, each."""
    begun = {(tells.kind, tells.method) for tells in campaign.attempts}
    parts = [*hotspot_calls(campaign), *open_parts(campaign)]
    return [part for part in parts if (part.tells.kind, part.tells.method) not in begun]
