"""What a run makes, as the graph and the items give it: it has no noise."""

from __future__ import annotations

from advisor.domain.workload import WorkloadDescription


def steps_of_run(description: WorkloadDescription, items: int) -> int | None:
    """Steps of a run with so many items; None for a bare op."""
    if description.fan_out is None:
        return None
    once = 1 + len(description.upstream) + len(description.collects) + description.other_steps
    return once + items * len(description.mapped)


def events_of_run(description: WorkloadDescription, items: int) -> int | None:
    """Rows of a multiprocess run's event log, from the graph.

    A step has 7 (STEP_WORKER_STARTING, _STARTED, RESOURCE_INIT_STARTED, _SUCCESS, LOGS_CAPTURED,
    STEP_START, STEP_SUCCESS), two an input (LOADED_INPUT, STEP_INPUT) and two an output
    (STEP_OUTPUT, HANDLED_OUTPUT); the fan-out has an output an item, a collecting op loads them.
    """
    steps = steps_of_run(description, items)
    if steps is None:
        return None
    mapped = sum(2 * len(op.inputs) + 2 * len(op.outputs) for op in description.mapped)
    return 7 * steps + items * (mapped + 2 + len(description.collects))
