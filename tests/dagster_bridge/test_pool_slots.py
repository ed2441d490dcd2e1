"""Slots of pools on a temporary instance: set, and timed without leaving any."""

from __future__ import annotations

from advisor.dagster_bridge.calibration_job import measure_claim_s
from advisor.dagster_bridge.instances import set_limits, temporary_instance_home
from advisor.dagster_bridge.job_facts import instance_facts


def test_limits_that_are_set_are_those_that_are_read_and_timing_leaves_none() -> None:
    with temporary_instance_home() as home:
        set_limits(str(home), {"db": 3, "api": 1})
        assert 0 < measure_claim_s(str(home)) < 10
        facts = instance_facts(home)
        assert facts is not None
        assert facts.pool_limits == {"db": 3, "api": 1}
