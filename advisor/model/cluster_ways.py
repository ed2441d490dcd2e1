"""The ways to run on a described cluster, and what is best by the start time of a pod."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from advisor.domain.advice import StartTimeRow
from advisor.domain.candidate import Candidate, Executor
from advisor.domain.cluster import BY_WORKERS, START_TIMES_S, Cluster
from advisor.model.candidates import MAX_CONCURRENT, WorkerChoice, in_batches
from advisor.model.estimators.delegating import room_of
from advisor.model.prediction import Predictor
from advisor.model.setting import Setting, items_cap

MORE_SLOTS = (48, 64)
"""Beyond `MAX_CONCURRENT`, which is meant for one machine."""

LATEST_START_S = 600.0
"""A start time beyond which no crossing is looked for."""


def cluster_candidates(setting: Setting, cap: int | None = None) -> tuple[Candidate, ...]:
    """Steps in parallel, batches and threads in a step; none without a known start time.

    Args:
        cap: Most items that may be in work in parallel (a pool, connections).
    """
    cluster = setting.cluster
    if cluster is None or cluster.start_s is None:
        return ()
    workers = WorkerChoice(setting.contention, cluster.step_cpu or setting.machine.cores, cap=cap)
    ways: list[Candidate] = []
    for slots in _slots(cluster, setting, cap):
        plain = _plain(cluster, slots)
        ways += [plain, *in_batches(plain, setting.items.count, workers)]
    return tuple(dict.fromkeys(ways))


def _plain(cluster: Cluster, slots: int) -> Candidate:
    return Candidate("execute_job", cast("Executor", cluster.executor), max_concurrent=slots)


def _slots(cluster: Cluster, setting: Setting, cap: int | None) -> list[int]:
    """Numbers of steps in parallel within the room, the quota and the connections."""
    if cluster.executor in BY_WORKERS and cluster.slots is not None:
        return [cluster.slots]
    limits = [setting.items.count, room_of(_plain(cluster, 1), setting), cap]
    limits.append(items_cap(setting, None, 1))
    if cluster.db_connections is not None:
        processes = cluster.db_connections // cluster.process_connections // cluster.runs_at_once
        limits.append(processes - 1)  # the run's own
    most = max(1, min(limit for limit in limits if limit is not None))
    if cluster.shared_cores is not None:
        most = min(most, max(2, round(4 * cluster.shared_cores)))
    return sorted({most, *(n for n in (*MAX_CONCURRENT, *MORE_SLOTS) if n <= most)})


def makespan_at(start_s: float, candidate: Candidate, setting: Setting) -> float:
    """The makespan of a way on the setting's cluster, were its start time this one."""
    assert setting.cluster is not None
    there = replace(setting, cluster=replace(setting.cluster, start_s=start_s))
    return Predictor(there).estimate(candidate).makespan_s


def by_start_time(
    setting: Setting, cluster: Cluster, in_run_s: float, allowed: Callable[[Candidate], bool]
) -> tuple[tuple[StartTimeRow, ...], float | None]:
    """What is best by the start time, and the start time from which the run's own pod is.

    Args:
        in_run_s: The best makespan in the run's own pod.

    Returns:
        The rows, and the crossing; None where it is not below `LATEST_START_S`.
    """

    def best(start_s: float, among: Sequence[Candidate] = ()) -> StartTimeRow:
        there = replace(setting, cluster=replace(cluster, start_s=start_s))
        predictor = Predictor(there)
        ways = among or [way for way in cluster_candidates(there) if allowed(way)]
        rows = (
            StartTimeRow(start_s, way, predictor.estimate(way).makespan_s, in_run_s) for way in ways
        )
        return min(rows, key=lambda row: row.makespan_s)

    rows = [best(start_s) for start_s in START_TIMES_S]
    ways = list(dict.fromkeys(row.candidate for row in rows))
    low_s, high_s = 0.0, LATEST_START_S
    if best(low_s, ways).makespan_s >= in_run_s:
        return tuple(rows), 0.0
    if best(high_s, ways).makespan_s < in_run_s:
        return tuple(rows), None
    while high_s - low_s > 0.1 + 0.02 * low_s:
        middle_s = (low_s + high_s) / 2
        faster = best(middle_s, ways).makespan_s < in_run_s
        low_s, high_s = (middle_s, high_s) if faster else (low_s, middle_s)
    return tuple(rows), high_s
