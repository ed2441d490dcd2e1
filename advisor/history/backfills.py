"""What the run events of a backfill tell: queue, start, run, of each of its runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor.dagster_bridge.event_log import EventRow
from advisor.domain.backfill import BackfillTimes
from advisor.model.run_overhead import spans_s
from advisor.model.run_statistics import overlap, spread_of

_ENDS = ("PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED")


@dataclass(frozen=True, slots=True)
class RunMoments:
    """When a run entered and left the queue, began and ended, as Unix time; None: it did not."""

    enqueued_s: float | None
    dequeued_s: float | None
    start_s: float | None
    end_s: float | None
    succeeded: bool

    @classmethod
    def of(cls, events: Iterable[EventRow]) -> RunMoments:
        """From a run's events; the first of each kind."""
        first: dict[str, float] = {}
        for event in sorted(events, key=lambda each: each.storage_id):
            first.setdefault(event.kind or "", event.timestamp_s)
        dequeued_s = first.get("PIPELINE_DEQUEUED", first.get("PIPELINE_STARTING"))
        return cls(
            enqueued_s=first.get("PIPELINE_ENQUEUED"),
            dequeued_s=dequeued_s,
            start_s=first.get("PIPELINE_START"),
            end_s=next((first[kind] for kind in _ENDS if kind in first), None),
            succeeded="PIPELINE_SUCCESS" in first,
        )

    @property
    def begin_s(self) -> float | None:
        """The first that is known of it."""
        moments = (self.enqueued_s, self.dequeued_s, self.start_s)
        return next((moment for moment in moments if moment is not None), None)


def backfill_times(backfill_id: str, job: str, runs: Sequence[RunMoments]) -> BackfillTimes:
    """Waits, starts and runs of a backfill, and the makespan of all its runs."""
    begins = [run.begin_s for run in runs if run.begin_s is not None]
    ends = [run.end_s for run in runs if run.end_s is not None]
    at_once = overlap(_held(runs))[0]
    return BackfillTimes(
        backfill_id=backfill_id,
        job=job,
        runs=len(runs),
        succeeded=sum(run.succeeded for run in runs),
        runs_at_once=at_once,
        queued=sum(run.enqueued_s is not None for run in runs),
        queue_s=spread_of(spans_s(runs, "enqueued_s", "dequeued_s")),
        place_s=spread_of(_place_waits(runs, at_once)),
        start_s=spread_of(spans_s(runs, "dequeued_s", "start_s")),
        run_s=spread_of(spans_s(runs, "start_s", "end_s")),
        makespan_s=max(ends) - min(begins) if begins and ends else 0.0,
    )


def _held(runs: Sequence[RunMoments]) -> list[tuple[float, float]]:
    """From when to when runs held a place; a run that has not ended holds its own."""
    begins = [(run.dequeued_s or run.start_s, run.end_s) for run in runs]
    return sorted((at, end or float("inf")) for at, end in begins if at is not None)


def _place_waits(runs: Sequence[RunMoments], at_once: int) -> list[float]:
    """From when a place became free until the next run left the queue, while runs waited."""
    held = _held(runs)
    ends = sorted(end for _, end in held)
    later = zip(held[at_once:], ends, strict=False)
    return [at - end for (at, _), end in later if at >= end]
