"""How many of the steps of an executor count as tried, by the probes of either kind of worker."""

from __future__ import annotations

import pytest

from advisor.domain.candidate import Candidate
from advisor.domain.trial import Agreement, Comparison, Trial, WorkerLimit
from advisor.domain.workload import ConcurrencyProbe
from advisor.model.limits import Limits, limit_of


def steps(count: int) -> Candidate:
    return Candidate("execute_job", "multiprocess", "forkserver", (), count)


def threads(worked: int, harmed_at: int = 0) -> WorkerLimit:
    harm = Trial.FAILED if harmed_at else None
    return WorkerLimit("thread", True, worked, worked, harm, harmed_at, "429" if harmed_at else "")


def processes(worked: int, harm: Trial | None = None, harmed_at: int = 0) -> WorkerLimit:
    return WorkerLimit("process", True, worked, worked, harm, harmed_at, "locked")


@pytest.mark.parametrize(
    ("thread", "process", "count", "trial"),
    [
        (threads(8), processes(2), 8, Trial.TRIED),
        (threads(8), processes(2), 16, Trial.NOT_TRIED),
        (threads(8), processes(2), 17, Trial.TOO_FAR),
        (threads(8, harmed_at=16), processes(2), 16, Trial.FAILED),  # a service's own limit
        (threads(8), processes(1, Trial.FAILED, 2), 2, Trial.FAILED),  # what only processes dispute
        (threads(8), processes(2, Trial.FAILED, 4), 4, Trial.FAILED),
        (threads(8), processes(1, Trial.DIFFERS, 2), 2, Trial.DIFFERS),
        (threads(8), WorkerLimit("process"), 8, Trial.NOT_TRIED),  # no two processes ever ran
        (WorkerLimit("thread"), processes(2), 4, Trial.NOT_TRIED),
    ],
)
def test_steps_are_tried_by_two_processes_and_as_many_threads(
    thread: WorkerLimit, process: WorkerLimit, count: int, trial: Trial
) -> None:
    assert Limits(thread, process).verdict(steps(count)).trial is trial


def test_fewer_that_gave_the_same_count_for_nothing_where_more_differ() -> None:
    """Two threads may happen to give the same over a state that four are seen to share."""
    outcomes = ((2, Agreement.SAME), (4, Agreement.DIFFERS))
    limit = limit_of(
        "thread",
        [
            ConcurrencyProbe("thread", count, 1.0, comparison=Comparison(agreement))
            for count, agreement in outcomes
        ],
    )
    assert (limit.harm, limit.harmed_at, limit.checked) == (Trial.DIFFERS, 4, 1)
    threads_of_two = Candidate(
        "execute_job", "in_process", batch_size=8, workers_in_op=2, worker_kind="thread"
    )
    assert Limits(thread=limit).verdict(threads_of_two).trial is Trial.DIFFERS
