"""What an event log tells of the executor that ran the steps."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from advisor.dagster_bridge.event_log.rows import mapping
from advisor.domain.observed import ObservedStep

# Messages by which an executor shows itself; the first that fits names it.
_EXECUTOR_SIGNS: Sequence[tuple[str, str]] = (
    ("using multiprocess executor", "multiprocess"),
    ("Executing steps in process", "in_process"),
    ("in Kubernetes job", "k8s"),
    ("in Docker container", "docker"),
    ("celery task", "celery"),
    ("AsyncExecutor", "async"),  # dagster-async-executor
)
# The first message of Dagster's StepDelegatingExecutor, whatever starts its steps.
_STEP_HANDLER = re.compile(r"Starting execution with step handler (\w+)")
_HANDLERS = ("k8s", "docker", "ecs", "ray")


def executor_of_message(message: str, before: str | None = None) -> str | None:
    """The executor that a message of the engine names; ``before``: what earlier ones named."""
    if before not in {None, "celery"}:
        return before
    if handler := _STEP_HANDLER.search(message):
        kind = handler[1].lower()
        return next((name for name in _HANDLERS if kind.startswith(name)), "delegating")
    named = next((name for sign, name in _EXECUTOR_SIGNS if sign in message), None)
    if before == "celery":
        # A Celery worker that starts a Kubernetes job for its step.
        return "celery_k8s" if named == "k8s" else "celery"
    return named


class ConfiguredExecutor(NamedTuple):
    """The executor as run config sets it; None where it is silent."""

    executor: str | None
    start_method: str | None
    max_concurrent: int | None
    preload_modules: tuple[str, ...] | None


def executor_setting(run_config: Mapping[str, Any]) -> ConfiguredExecutor:
    """What the run config alone says of the executor (a job's own default is not in it)."""
    config = mapping(mapping(run_config.get("execution")).get("config"))
    executor: str | None = None
    for name in ("multiprocess", "in_process"):
        if name in config:
            executor = name
            config = mapping(config[name])
            break
    start = mapping(config.get("start_method"))
    method = next(iter(start), None)
    preload = mapping(start.get("forkserver")).get("preload_modules")
    limit = config.get("max_concurrent")
    return ConfiguredExecutor(
        executor=executor,
        start_method=method,
        # 0 means "not set" to Dagster's multiprocess executor.
        max_concurrent=limit if isinstance(limit, int) and limit > 0 else None,
        preload_modules=tuple(map(str, preload)) if isinstance(preload, list) else None,
    )


def slots_from_queue(steps: list[ObservedStep]) -> list[ObservedStep]:
    """Steps with the moment when a worker was free for them, where they came from a queue.

    Celery's executor gives all steps that are ready to the queue at once: how many run is the
    workers' to set, and the log does not tell it. As many slots are taken as ran at once; the
    k-th that was freed was taken by the k-th step that began after those that filled them.
    """
    claims = sorted(
        (step.worker_started_s, step.end_s if step.end_s is not None else float("inf"), index)
        for index, step in enumerate(steps)
        if step.queued_s is not None and step.worker_started_s is not None
    )
    ends = sorted(end for _, end, _ in claims)
    # A step that begins when k others have ended: the steps before it, less k, hold a slot.
    slots = max(
        (place + 1 - bisect_right(ends, started) for place, (started, _, _) in enumerate(claims)),
        default=0,
    )
    for place, (started, _, index) in enumerate(claims):
        step = steps[index]
        if step.worker_starting_s is None:
            freed_s = ends[place - slots] if place >= slots else 0.0
            given_s = min(started, max(cast("float", step.queued_s), freed_s))
            steps[index] = replace(step, worker_starting_s=given_s)
    return steps
