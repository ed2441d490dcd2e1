"""Jobs whose executor has settings of the user's own, in each place where they can stand."""

import time

from dagster import (
    Definitions,
    DynamicOut,
    DynamicOutput,
    graph,
    in_process_executor,
    job,
    multiprocess_executor,
    op,
)

LIMITS = [{"key": "service", "value": "prices", "limit": 1}]
OWN = {
    "tag_concurrency_limits": LIMITS,
    "retries": {"disabled": {}},
    "step_dependency_config": {"require_upstream_step_success": False},
}


@op(out=DynamicOut())
def numbers():
    for number in range(4):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op(tags={"service": "prices"})
def asked(context, number: int) -> tuple[float, float]:
    began = time.time()
    time.sleep(0.05)
    return began, time.time()


@op
def merge(spans: list):
    return spans


@graph
def limited():
    merge(numbers().map(asked).collect())


configured = limited.to_job("configured", executor_def=multiprocess_executor.configured(OWN))
in_config = limited.to_job("in_config", config={"execution": {"config": {"multiprocess": OWN}}})
by_executor = limited.to_job(
    "by_executor",
    executor_def=multiprocess_executor,
    config={"execution": {"config": {"max_concurrent": 4, **OWN}}},
)
by_file = limited.to_job("by_file")
in_process = limited.to_job(
    "in_process",
    executor_def=in_process_executor,
    config={"execution": {"config": {"retries": OWN["retries"]}}},
)
BY_FILE = {"execution": {"config": {"multiprocess": OWN}}}


@job
def by_definitions():
    merge(numbers().map(asked).collect())


defs = Definitions(jobs=[by_definitions], executor=multiprocess_executor.configured(OWN))
