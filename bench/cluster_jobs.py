"""One graph on each executor that hands its steps to a pod, container or task; items wait.

``k8s_items`` is the fan-out under ``k8s_job_executor``, ``celery_chain`` three mapped ops under
``celery_executor``: made when asked for, so that a step imports its own executor's library alone.
"""

from __future__ import annotations

import time
from importlib import import_module

import dagster as dg

EXECUTORS = {
    "k8s": ("dagster_k8s", "k8s_job_executor"),
    "celery": ("dagster_celery", "celery_executor"),
    "docker": ("dagster_docker", "docker_executor"),
}


@dg.op(out=dg.DynamicOut(), config_schema={"items": int, "batch": dg.Field(int, default_value=1)})
def split(context):
    items, batch = context.op_config["items"], context.op_config["batch"]
    steps = -(-items // batch)
    for place in range(steps):  # dealt evenly, as the emitted code does
        yield dg.DynamicOutput((items + place) // steps, mapping_key=f"b{place}")


@dg.op(config_schema={"item_s": dg.Field(float, default_value=0.5)})
def wait_item(context, count: int) -> int:
    time.sleep(context.op_config["item_s"] * count)
    return count


@dg.op
def check_item(count: int) -> int:
    return count


@dg.op
def pass_on(count: int) -> int:
    return count


@dg.op
def add_up(counts: list) -> int:
    return sum(counts)


@dg.graph
def items():
    add_up(split().map(wait_item).collect())


@dg.graph
def chain():
    add_up(split().map(wait_item).map(check_item).map(pass_on).collect())


def job_of(executor: str, shape: str) -> dg.JobDefinition:
    module, name = EXECUTORS[executor]
    graph = {"items": items, "chain": chain}[shape]
    return graph.to_job(
        name=f"{executor}_{shape}", executor_def=getattr(import_module(module), name)
    )


def __getattr__(name: str) -> dg.JobDefinition:
    executor, _, shape = name.partition("_")
    if executor not in EXECUTORS or shape not in ("items", "chain"):
        raise AttributeError(name)
    globals()[name] = job_of(executor, shape)
    return globals()[name]
