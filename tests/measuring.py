"""A whole measurement of a workload, without a host."""

from __future__ import annotations

from advisor.domain.workload import WorkloadProfile
from advisor.measure.budget import Budget
from advisor.measure.op_profile import measure
from advisor.measure.profile_request import ProfileRequest
from advisor.measure.progress import silent
from advisor.measure.scouting import scout
from advisor.measure.workspace import workspace


def profile_workload(request: ProfileRequest, budget_s=60.0, progress=silent) -> WorkloadProfile:
    budget = Budget(budget_s)
    with workspace():
        return measure(scout(request, budget, budget.on_bar(progress)))
