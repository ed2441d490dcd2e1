"""Whether a run config fits a job, by Dagster's own word."""

from collections.abc import Mapping

from dagster import DagsterInvalidConfigError
from dagster import validate_run_config as dagster_validate

from advisor.dagster_bridge.target import LoadedTarget


def validate_run_config(loaded: LoadedTarget, run_config: Mapping[str, object]) -> str | None:
    """None where what the config sets fits the target's job, else Dagster's message.

    What the config lacks is no reason: the user's own config may have it. A target without a
    job takes no run config: every non-empty one is refused.
    """
    if loaded.job is None:
        return "The target has no job that a run config could be for." if run_config else None
    try:
        dagster_validate(loaded.job, dict(run_config))
    except DagsterInvalidConfigError as error:
        reasons = (each.reason.name for each in error.errors)
        return None if all(each.startswith("MISSING_REQUIRED") for each in reasons) else str(error)
    return None
