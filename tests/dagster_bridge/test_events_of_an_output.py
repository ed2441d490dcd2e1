"""What an output costs beside its value: from it the price of one event is known."""

from __future__ import annotations

from collections import Counter

from dagster import DagsterInstance, build_reconstructable_job, execute_job

from advisor.dagster_bridge import calibration_definition
from advisor.domain.overhead import EVENTS_PER_OUTPUT

OUTPUTS = 3


def events_of_fan_out(instance: DagsterInstance, run_id: str) -> int:
    """Beside those that every step has: its start and its success."""
    steps = Counter(entry.step_key for entry in instance.all_logs(run_id))
    return steps["fan_out"] - 2


def test_an_output_that_is_stored_in_a_file_has_a_line_of_its_own(tmp_path) -> None:
    arguments = (OUTPUTS, 0.0, None, None, None)
    job = build_reconstructable_job(
        calibration_definition.__name__, calibration_definition.build_job.__name__, arguments
    )
    config = {"execution": {"config": {"in_process": {}}}}
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        stored = execute_job(job, instance=instance, run_config=config)
        in_memory = job.get_definition().execute_in_process(instance=instance)
        counts = [events_of_fan_out(instance, run.run_id) for run in (stored, in_memory)]
    assert counts == [OUTPUTS * EVENTS_PER_OUTPUT, OUTPUTS * (EVENTS_PER_OUTPUT - 1)]
