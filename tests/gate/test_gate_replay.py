"""Gates replayed from recorded real timings: how often a false alarm, how often a finding.

On the recording with which the statistic was tuned, and on the one that was held out.
"""

from __future__ import annotations

import pytest
from replayed import HELD_OUT, TUNING, Recording, family_alarms, read, tally


@pytest.fixture(scope="module", params=[TUNING, HELD_OUT], ids=["tuning", "held-out"])
def recording(request) -> Recording:
    return read(request.param)


def test_false_alarms_of_500_gates_are_at_most_one_percent(recording):
    found = tally(recording, 500)
    assert found.gates == 500
    assert found.slower <= 5
    assert found.certain <= 10  # 1 % is the level; 500 are few
    assert found.fine >= 450


def test_false_alarms_of_gates_of_several_ops(recording):
    gates, alarmed = family_alarms(recording, 120)
    assert gates == 120
    assert alarmed <= 1


def test_ten_percent_is_found_in_95_of_100_gates(recording):
    """Found: the bound says slower. Under a limit below 10 % the gate then fails."""
    by_default = tally(recording, 200, 1.1)
    assert by_default.certain >= 190
    assert by_default.fine <= 10
    strict = tally(recording, 200, 1.1, limit=0.05)
    assert strict.slower >= 190


def test_a_slowdown_well_beyond_the_limit_fails(recording):
    assert tally(recording, 100, 1.25).slower >= 98
    assert tally(recording, 100, 1.5).slower == 100
