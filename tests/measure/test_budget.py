"""The budget: what may start, and what is cut off."""

from __future__ import annotations

from pathlib import Path

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.measure.budget import Budget
from advisor.measure.op_profile import begin, note_what_is_less_certain, open_parts
from advisor.measure.profile_request import ProfileRequest
from advisor.measure.progress import silent
from advisor.measure.scouting import scout
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
