"""Advice for executors that start a pod, container or task a step, from their own history. Pure.

They cannot be run here: the model of a cluster is told by the logs alone what a step costs there.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np

from advisor.domain.analysis import DelegatedWay
from advisor.domain.candidate import Candidate, Executor
from advisor.domain.cluster import DELEGATING, Cluster
from advisor.domain.observed import ObservedRun
from advisor.history.learning import overhead_model_from_runs, workload_from_runs
from advisor.history.statistics import work_and_overhead_s
from advisor.model.contention import Contention
from advisor.model.items import items_of
from advisor.model.prediction import Predictor
from advisor.model.run_statistics import item_count, mapped_steps, parallelism
from advisor.model.search import TIE
from advisor.model.setting import Machine, Setting

ON_SHARED_CORES = ("docker", "celery")
"""More steps in parallel than were seen share the cores of the same hosts: not promised to help."""

FEWEST_STEPS = 3
"""Observed steps from which something can be told."""

BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def delegated_ways(runs: Sequence[ObservedRun]) -> tuple[DelegatedWay, ...]:
    """Batch sizes and numbers of steps in parallel for the newest run under such an executor."""
    delegated = [run for run in runs if run.executor in DELEGATING]
    if not delegated:
        return ()
    newest = max(delegated, key=lambda run: run.started_at_s)
    like = [run for run in delegated if run.executor == newest.executor]
    work, _ = work_and_overhead_s([step for run in like for step in mapped_steps(run)])
    if len(work) < FEWEST_STEPS:
        return ()
    predictor = Predictor(_setting(newest, like))
    items, slots = item_count(newest), parallelism(newest).slots
    numbers = {max(1, slots // 2), slots}
    if newest.executor not in ON_SHARED_CORES:
        numbers.add(2 * slots)
    ways: list[DelegatedWay] = []
    for batch in (size for size in BATCHES if size == 1 or size <= items):
        for number in sorted(numbers):
            executor = cast("Executor", newest.executor)
            way = Candidate("execute_job", executor, max_concurrent=number, batch_size=batch)
            ops = len(predictor.setting.items.stages) if batch == 1 else 1
            ways.append(
                DelegatedWay(
                    executor=newest.executor,
                    max_concurrent=number,
                    batch_size=batch,
                    predicted_s=predictor.predict(way).makespan_s,
                    pods=way.steps(items) * ops,
                    current=batch == 1 and number == slots,
                )
            )
    best_s = min(way.predicted_s.median for way in ways)

    def order(way: DelegatedWay) -> tuple[float, float]:
        median_s = way.predicted_s.median
        return (0.0, way.batch_size) if median_s <= best_s * (1 + TIE) else (median_s, 0.0)

    return tuple(sorted(ways, key=order))


def _setting(newest: ObservedRun, like: Sequence[ObservedRun]) -> Setting:
    """The cluster as its runs show it, with a core for each step."""
    overhead = overhead_model_from_runs(like)
    items = items_of(workload_from_runs(like), item_count(newest))
    return Setting(
        items=items,
        contention=Contention(alone_s=float(np.median(items.wall_s))),
        overhead=overhead,
        machine=Machine(cores=1.0, memory_bytes=0),
        cluster=Cluster("", newest.executor).as_seen(overhead),
    )
