"""How far ways to run were tried: what failed, gave other results, or was never run in parallel.

A probe that did harm caps its kind of worker below it, whatever worked with fewer. What fails
outside of the process (a service, a database, a disk) fails by the number of items at work in all
processes together, so that workers in a step times steps in parallel is held against it as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from advisor.domain.candidate import Candidate
from advisor.domain.rejection import Cause, Refusal
from advisor.domain.trial import NO_PROCESSES, NO_THREADS, Agreement, Trial, WorkerLimit
from advisor.domain.workload import ConcurrencyProbe, WorkerKind

BEYOND = 2
"""Times the largest number that worked: more is not considered."""

_ORDER = list(Trial)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a way, and why where it may not be the advice."""

    trial: Trial = Trial.TRIED
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the probes allow, by kind of worker.

    Attributes:
        thread, process: What was tried in one process, and in several.
        own: Ways that the job runs in already, or was seen to: their executor's steps in parallel
            count as tried.
    """

    thread: WorkerLimit = NO_THREADS
    process: WorkerLimit = NO_PROCESSES
    own: tuple[Candidate, ...] = ()

    def verdict(self, way: Candidate) -> Verdict:
        """What is known of a way's items in parallel: the worst of its parts."""
        return max(self._verdicts(way), key=lambda each: _ORDER.index(each.trial))

    @property
    def probed(self) -> tuple[WorkerLimit, ...]:
        """Those that a probe told."""
        return tuple(limit for limit in (self.thread, self.process) if limit.probed)

    def of(self, kind: WorkerKind) -> WorkerLimit:
        """The limit of a kind of worker."""
        return self.thread if kind == "thread" else self.process

    def _verdicts(self, way: Candidate) -> Iterator[Verdict]:
        steps, workers = way.max_concurrent, way.workers_in_op
        alike = [own for own in self.own if own.executor == way.executor]
        own_steps = max((own.max_concurrent for own in alike), default=1)
        own_items = max((own.max_concurrent * own.workers_in_op for own in alike), default=1)
        yield Verdict()
        if workers > 1:
            limit = self.of(way.worker_kind or "thread")
            yield _of_workers(limit, workers, 1)
            yield _compared(limit, workers, 1)
        if way.executor == "async":
            yield _of_workers(self.thread, steps, own_steps)
            yield _compared(self.thread, steps, own_steps)
        elif steps > 1:
            yield _of_workers(self.process, steps, max(own_steps, self._steps_like_threads))
        if steps * workers > own_items:
            yield self._of_items(steps * workers)

    @property
    def _steps_like_threads(self) -> int:
        """Steps that count as tried since as many threads worked.

        Processes share less than threads of one process do. What only processes dispute (a lock
        file, a port) shows where two of them run, and a service counts the items at work.
        """
        return self.thread.worked if self.process.worked > 1 else 1

    def _of_items(self, at_work: int) -> Verdict:
        """Items at work in all processes together, as a service sees them."""
        kinds = self.thread, self.process
        for limit, other in (kinds, kinds[::-1]):
            outside = limit.harm is Trial.FAILED and other.worked < limit.harmed_at
            if outside and limit.harmed_at <= at_work:
                figures = (at_work, limit.harmed_at, limit.kind, limit.reason)
                return Verdict(Trial.FAILED, Refusal(Cause.ITEMS_FAILED, figures))
        tried = [each.worked for each in kinds if each.probed and each.harm is not Trial.DIFFERS]
        return _far_enough(at_work, max(tried), "item") if tried else Verdict()


NOTHING_PROBED = Limits()
"""Of a workload that never ran in parallel."""


def _of_workers(limit: WorkerLimit, count: int, own: int) -> Verdict:
    """So many workers of a kind, of which the job has its own number already."""
    kind, why = limit.kind, limit.reason
    if count > 1 and limit.harm is Trial.DIFFERS:
        return Verdict(Trial.DIFFERS, Refusal(Cause.WORKERS_DIFFER, (kind, why)))
    if count > 1 and limit.harm is Trial.FAILED and count >= limit.harmed_at:
        return Verdict(Trial.FAILED, Refusal(Cause.WORKERS_FAILED, (limit.harmed_at, kind, why)))
    if count > own and not limit.probed:
        return Verdict(Trial.NOT_TRIED, Refusal(Cause.NOTHING_TRIED, (kind,)))
    return _far_enough(count, max(limit.worked, own), kind)


def _far_enough(count: int, worked: int, kind: str) -> Verdict:
    if count <= worked:
        return Verdict()
    far = count > BEYOND * worked
    refusal = Refusal(Cause.BEYOND_TRIED, (worked, kind))
    return Verdict(Trial.TOO_FAR if far else Trial.NOT_TRIED, refusal)


def _compared(limit: WorkerLimit, count: int, own: int) -> Verdict:
    """Workers that may share what they should not: their results must have been compared."""
    if count <= max(limit.checked, own) or not limit.probed:
        return Verdict()
    return Verdict(Trial.NOT_CHECKED, Refusal(Cause.NOT_COMPARED, (limit.unchecked,)))


def limit_of(kind: WorkerKind, probes: Sequence[ConcurrencyProbe]) -> WorkerLimit:
    """What all probes of a kind allow together."""
    mine = sorted((p for p in probes if p.worker_kind == kind), key=lambda p: p.workers)
    good = [p for p in mine if _harm(p) is None]
    harmful = next((p for p in mine if _harm(p) is Trial.DIFFERS), None)
    harmful = harmful or next((p for p in mine if _harm(p)), None)
    at = harmful.workers if harmful else 0
    good = [p for p in good if not at or p.workers < at]
    same = [p.workers for p in good if p.comparison.agreement is Agreement.SAME]
    unchecked = next((p.comparison.reason for p in reversed(good) if p.workers not in same), "")
    harm = _harm(harmful) if harmful else None
    return WorkerLimit(
        kind,
        probed=bool(mine),
        worked=max((p.workers for p in good), default=1),
        # Fewer that gave the same were lucky: what they share they share with every number.
        checked=1 if harm is Trial.DIFFERS else max(same, default=1),
        harm=harm,
        harmed_at=at,
        reason=(harmful.failed or harmful.comparison.difference) if harmful else "",
        evidence=harmful.evidence if harmful else "",
        unchecked=unchecked,
    )


def limits_of(probes: Sequence[ConcurrencyProbe]) -> Limits:
    """What probes of both kinds allow."""
    return Limits(limit_of("thread", probes), limit_of("process", probes))


def _harm(probe: ConcurrencyProbe) -> Trial | None:
    if probe.failed is not None:
        return Trial.FAILED
    differs = probe.comparison.agreement is Agreement.DIFFERS
    return Trial.DIFFERS if differs else None
