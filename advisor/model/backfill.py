"""The makespan of many equal runs through a queue of runs. Pure."""

import math
from collections.abc import Iterable

from advisor.domain.advice import Prediction
from advisor.domain.backfill import Backfill, RunCut

_STEPS = (1, 3)


def grid(most: int) -> tuple[int, ...]:
    """1, 3, 10, 30 ... below ``most``, and ``most`` itself."""
    decades = range(len(str(most)))
    return (*(n for d in decades for m in _STEPS if (n := m * 10**d) < most), most)


def cut(backfill: Backfill, partitions_per_run: int, runs_at_once: int, run: Prediction) -> RunCut:
    """One way to cut the partitions into runs, each predicted as ``run``.

    Runs are equal, so a queue with ``runs_at_once`` places works them off in waves; each place
    waits once per wave for the daemon to look and for the run to start.
    """
    runs = math.ceil(backfill.partitions / partitions_per_run)
    at_once = min(runs_at_once, runs)
    waves = math.ceil(runs / at_once)
    start_s = backfill.start.total_s(at_once, backfill.cores)
    return RunCut(
        partitions_per_run=partitions_per_run,
        runs=runs,
        runs_at_once=at_once,
        run=run,
        # What the model errs is the same in each wave, so that the errors add up.
        makespan_s=run.makespan_s.later(start_s).times(waves),
        peak_memory_bytes=at_once * run.peak_memory_bytes,
        items_lost=run.candidate.batch_size,
    )


def cannot_win(
    backfill: Backfill,
    partitions_per_run: int,
    runs_at_once: int,
    cuts: Iterable[RunCut],
    *,
    margin: float = 0.1,
) -> bool:
    """Whether a cut is longer than another, judged by larger runs beside as many in parallel.

    A run of half the items takes half as long at least: its own start is not halved.
    """
    cuts = tuple(cuts)
    shares = [
        each.run.makespan_s.median / each.partitions_per_run
        for each in cuts
        if each.runs_at_once == runs_at_once and each.partitions_per_run >= partitions_per_run
    ]
    if not shares:
        return False
    waves = math.ceil(math.ceil(backfill.partitions / partitions_per_run) / runs_at_once)
    start_s = backfill.start.total_s(runs_at_once, backfill.cores)
    least_s = waves * (start_s + partitions_per_run * min(shares))
    return least_s > (1 + margin) * min(each.makespan_s.median for each in cuts)


def by_makespan(cuts: Iterable[RunCut], *, tie: float = 0.03) -> tuple[RunCut, ...]:
    """Shortest first; within ``tie`` of the shortest, what changes least comes first.

    Fewer partitions per run lose less when a run fails; fewer runs in parallel ask for less.
    """
    ordered = sorted(cuts, key=lambda each: each.makespan_s.median)
    if not ordered:
        return ()
    near_s = ordered[0].makespan_s.median * (1 + tie)

    def order(each: RunCut) -> tuple[float, ...]:
        if each.makespan_s.median > near_s:
            return (1, each.makespan_s.median)
        candidate = each.run.candidate
        return (0, candidate.needs_code, each.partitions_per_run > 1, each.runs_at_once)

    return tuple(sorted(ordered, key=order))
