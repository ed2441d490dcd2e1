"""The budget: what may start, and what is cut off."""

from __future__ import annotations

import re
from pathlib import Path

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.measure.budget import Budget
from advisor.measure.progress import silent
from advisor.measure.workload.children import ProfileRequest
from advisor.measure.workload.op_profile import begin, note_what_is_less_certain, open_parts
from advisor.measure.workload.scouting import scout
from advisor.measure.workspace import workspace

HERE = Path(__file__).parent


class Passed(Budget):
    """One that a part passes at once, as on a loaded machine."""

    cut_off_s = 0.2
    is_over = True


def test_a_part_that_passes_the_budget_is_cut_off_and_no_finding():
    target = parse_target(f"{HERE / 'workloads.py'}:napping", working_directory=HERE)
    with workspace():
        campaign = scout(ProfileRequest(describe(load_target(target))), Passed(60.0), silent)
        probe = next(part for part in open_parts(campaign) if "in parallel" in part.name)
        begin(campaign, probe)
        assert campaign.probes == []
        assert probe.name in campaign.budget.left_out
        assert probe.name not in [part.name for part in open_parts(campaign)]
        note_what_is_less_certain(campaign)
    assert any(probe.name in note for note in campaign.children.notes)


def test_what_no_longer_fits_is_remembered_once():
    budget = Budget(10.0)
    assert budget.fits(5.0, "threads")
    assert not budget.fits(9.0, "processes")
    assert not budget.fits(9.0, "processes")
    assert budget.left_out == ["processes"]


def test_what_came_before_the_measuring_is_of_the_budget_too():
    budget = Budget(60.0, importing_s=16.0)
    assert 16.0 <= budget.spent_s < 17.0
    assert budget.left_s < 60.0 - 16.0 - 12.0  # the last check takes about as long again
    assert budget.cut_off_s < 1.05 * 60.0 - 16.0


def test_the_reason_for_what_was_left_out_is_the_true_one():
    target = parse_target(f"{HERE / 'workloads.py'}:napping", working_directory=HERE)
    with workspace():
        request = ProfileRequest(describe(load_target(target)))
        campaign = scout(request, Budget(60.0, importing_s=50.0), silent)
        campaign.budget.fits(20.0, "8 items in parallel as threads")
        note_what_is_less_certain(campaign)
    notes = " ".join(campaign.children.notes)
    took = r"tarting and importing took \d+ s"
    assert re.search(f"S{took}, so that an item was run once in the budget of 60 s", notes)
    assert re.search(f"time budget of 60 s used up, of which s{took}", notes)
