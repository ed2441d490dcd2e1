"""What predicts a measured workload, and the ways that it may choose from."""

from importlib.util import find_spec

from advisor.api.cluster_advice import refuse_other_executor
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.rejection import Cause, Refusal
from advisor.domain.workload import WorkloadDescription
from advisor.emit import obstacle_to_batches
from advisor.model.measured_setting import setting_of, with_own_ways
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints
from advisor.model.ways import Obstacles, WaysToRun, connections_held, ways_to_run


def predictor_of(measured: Measured, options: AdviseOptions) -> tuple[Predictor, WaysToRun]:
    """What predicts for the options, and the ways that it may choose from."""
    refuse_other_executor(measured.description.executor, options.cluster)
    setting = setting_of(measured, options)
    ways = ways_to_run(measured, options, setting, _obstacles(measured.description))
    return Predictor(with_own_ways(setting, measured, ways)), ways


def constraints_of(measured: Measured, options: AdviseOptions, ways: WaysToRun) -> Constraints:
    """What the advice must respect."""
    environment = options.environment
    return Constraints(
        objective=options.objective,
        change=options.change,
        environment="test" if ways.only_in_memory and environment == "prod" else environment,
        max_connections=options.max_connections,
        connections_per_item=connections_held(measured.workload),
    )


def _obstacles(description: WorkloadDescription) -> Obstacles:
    """What cannot be emitted for the job, and what is not installed here."""
    refusal = obstacle_to_batches(description)
    no_batches = f"{refusal.what} {refusal.hint or ''}".strip() if refusal else None
    missing = Refusal(
        Cause.NO_EVENT_LOOP, ("needs dagster-async-executor: pip install 'dynadvise[async]'",)
    )
    return Obstacles(
        batches=Refusal(Cause.NO_SNIPPET, (no_batches,)) if no_batches else None,
        event_loop=None if find_spec("dagster_async_executor") else missing,
    )
