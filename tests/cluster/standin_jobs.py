"""Dagster's own StepDelegatingExecutor with a stand-in step handler: a process for each step.

The start time and the room are scripted, so that runs of a cluster are had on one machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import dagster as dg
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
)

FIELDS = {
    "max_concurrent": dg.Field(int, is_required=False),
    "start_s": dg.Field(float, default_value=0.0),
    "room": dg.Field(int, default_value=1000),
    "poll_s": dg.Field(float, default_value=1.0),
    "fault": dg.Field(str, is_required=False),
    "illness": dg.Field(str, is_required=False),
}


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}


class QueueStepHandler(StepHandler):
    """Starts a step's process once there is room for it, and after the scripted start time."""

    def __init__(self, config) -> None:
        super().__init__()
        self.config = config
        self.room = threading.Semaphore(config["room"])

    @property
    def name(self) -> str:
        return "QueueStepHandler"

    def launch_step(self, step_handler_context):
        if "fault" in self.config:
            raise TypeError(self.config["fault"])
        arguments = step_handler_context.execute_step_args.get_command_args()
        step_key = step_handler_context.execute_step_args.step_keys_to_execute[0]
        context = step_handler_context.get_step_context(step_key)
        yield dg.DagsterEvent.step_worker_starting(context, message="queued", metadata={})
        if "illness" not in self.config:
            threading.Thread(target=self._run, args=(arguments,), daemon=True).start()

    def _run(self, arguments) -> None:
        with self.room:
            time.sleep(self.config["start_s"])
            subprocess.run(
                [sys.executable, "-m", *arguments],
                env=ENVIRONMENT,
                check=False,
                stdout=subprocess.DEVNULL,
            )

    def check_step_health(self, step_handler_context):
        if "illness" in self.config:
            return CheckStepHealthResult.unhealthy(self.config["illness"])
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context):
        return iter(())


def _delegating(context):
    config = context.executor_config
    return StepDelegatingExecutor(
        QueueStepHandler(config),
        retries=dg._core.execution.retries.RetryMode.DISABLED,
        max_concurrent=config.get("max_concurrent"),
        sleep_seconds=config["poll_s"],
        check_step_health_interval_seconds=0 if "illness" in config else 20,
    )


REQUIREMENTS = dg.multiple_process_executor_requirements()
queue_executor = dg.executor(name="queue", config_schema=FIELDS, requirements=REQUIREMENTS)(
    _delegating
)
# As Dagster names its own, so that a job is taken for one on Kubernetes.
k8s_executor = dg.executor(name="k8s", config_schema=FIELDS, requirements=REQUIREMENTS)(_delegating)


@dg.op(out=dg.DynamicOut(), config_schema={"items": int, "batch": dg.Field(int, default_value=1)})
def split(context):
    size = context.op_config["batch"]
    for place in range(-(-context.op_config["items"] // size)):
        yield dg.DynamicOutput(size, mapping_key=f"b{place}")


@dg.op(config_schema={"item_s": dg.Field(float, default_value=0.5)})
def wait_item(context, count: int) -> int:
    time.sleep(context.op_config["item_s"] * count)
    return count


@dg.op(pool="db", config_schema={"item_s": dg.Field(float, default_value=0.5)})
def wait_pooled(context, count: int) -> int:
    time.sleep(context.op_config["item_s"] * count)
    return count


@dg.op
def add_up(counts: list) -> int:
    return sum(counts)


@dg.job(executor_def=queue_executor)
def queue_job():
    add_up(split().map(wait_item).collect())


@dg.job(executor_def=queue_executor)
def pooled_job():
    add_up(split().map(wait_pooled.alias("wait_item")).collect())


@dg.job(
    executor_def=k8s_executor,
    config={
        "execution": {"config": {"max_concurrent": 16}},
        "ops": {"split": {"config": {"items": 8}}},
    },
)
def k8s_job():
    add_up(split().map(wait_item).collect())
