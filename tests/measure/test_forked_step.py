"""What a step of a calibration tells of the process that it ran in."""

from __future__ import annotations

from advisor.dagster_bridge.calibration_job import CalibrationRequest
from advisor.dagster_bridge.instances import temporary_instance_home
from advisor.measure.child import run_in_child


def test_a_forked_steps_own_memory_is_a_part_of_what_a_process_holds():
    execute = "advisor.dagster_bridge.calibration_job:execute_calibration"
    with temporary_instance_home() as home:
        request = CalibrationRequest(
            method="warm_forkserver",
            items=1,
            item_wait_s=0.2,
            preload=("dagster", "dagster._core.executor.multiprocess"),
            target=None,
            instance_home=str(home),
        )
        environment = {"DAGSTER_HOME": str(home)}
        child = run_in_child(execute, request, timeout_s=100, environment=environment)
    result = child.unwrap()
    assert 2_000_000 < result.step_unshared_bytes < 0.6 * child.peak_rss_bytes
