"""Executors that hand each step to a pod, container or task, and the cluster behind them."""

from __future__ import annotations

from advisor.domain.workload import ExecutorSetting

UNITS = {
    "k8s": "pod",
    "docker": "container",
    "celery": "task",
    "celery_k8s": "pod",
    "ecs": "task",
    "ray": "task",
    "delegating": "worker",
}
"""By executor, what it starts for each step; ``delegating`` is one of an unknown step handler."""

DELEGATING = frozenset(UNITS)

BY_WORKERS = frozenset({"celery", "celery_k8s"})
"""Executors with no ``max_concurrent``: the slots of their workers limit the steps in parallel."""

_ELSEWHERE = (
    "the times below are those of one machine, as if the steps ran in the run's own {place}; "
    "start of each {unit}, queue and quota are not modelled. "
    "`dynadvise analyze` learns them from past runs"
)


def unmodelled(setting: ExecutorSetting | None) -> str:
    """What is not modelled of a job's executor, in one sentence; empty where all of it is."""
    if setting is None or setting.executor in ("in_process", "multiprocess", "async"):
        return ""
    executor = setting.executor
    named = f"This job runs on the {executor} executor ({setting.class_name}"
    if executor not in DELEGATING:
        return (
            f"{named}), of which there is no model: the times below are those of the in-process "
            "and multiprocess executors on one machine."
        )
    unit = UNITS[executor]
    limit = setting.max_concurrent
    many = f"max_concurrent {limit}" if limit else f"no max_concurrent: every {unit} at once"
    if executor in BY_WORKERS:
        many = "as many steps in parallel as its workers have slots"
    place = unit if unit in ("pod", "container") else "process"
    return f"{named}, {many}): {_ELSEWHERE.format(place=place, unit=unit)}."
