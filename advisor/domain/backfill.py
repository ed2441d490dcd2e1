"""Many runs of one job, as a backfill makes them: ways to cut them, and what each takes."""

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.domain.advice import Prediction
from advisor.domain.quantities import Interval, Spread

DEQUEUE_INTERVAL_S = 5.0
"""How often Dagster's daemon looks at its queue of runs (QueuedRunCoordinator, 1.13)."""
EACH_RUN = "each run"
"""Place of the snippet that is no file: the command that emits one run."""
DEFAULT_RUNS_AT_ONCE = 10
"""``max_concurrent_runs`` where an instance does not set it (RunQueueConfig, 1.13)."""


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a run takes before its own job begins.

    Attributes:
        queue_s: From a free place in the queue until the run leaves it: half the daemon's
            interval on average.
        start_s: From there until the job begins: Python, the definitions. It computes: several
            at the same time share the cores.
        origin: Where these seconds come from, in words.
        pod_s: Before ``start_s``, until the run's process begins: its pod.
        own_cores: Whether each run has cores of its own.
    """

    queue_s: float
    start_s: float
    origin: str
    pod_s: float = 0.0
    own_cores: bool = False

    def total_s(self, runs_at_once: int, cores: float) -> float:
        """All of it, where so many runs share the cores."""
        return self.queue_s + self.begin_s(runs_at_once, cores)

    def begin_s(self, runs_at_once: int, cores: float) -> float:
        """From the queue until the job begins, where so many runs share the cores."""
        sharing = 1.0 if self.own_cores else max(1.0, runs_at_once / cores)
        return self.pod_s + self.start_s * sharing


@dataclass(frozen=True, slots=True)
class Backfill:
    """What is to be worked off.

    Attributes:
        items: Items per partition.
        cores: Of the machine that all runs share; on a cluster, of each run's own process.
        start: What each run takes before its job begins.
        cluster: Name of the described cluster that all runs share; empty: one machine.
    """

    partitions: int
    items: int
    cores: float
    start: RunStart
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class RunCut:
    """One way to cut the partitions into runs.

    Attributes:
        partitions_per_run: Partitions whose items one run fans out.
        runs_at_once: ``max_concurrent_runs``.
        run: One run, predicted for its share of the machine.
        makespan_s: From the first run's place in the queue to the last run's end.
        peak_memory_bytes: Of all runs that run side by side.
        items_lost: Items that one failed item fails with it: its batch.
    """

    partitions_per_run: int
    runs: int
    runs_at_once: int
    run: Prediction
    makespan_s: Interval
    peak_memory_bytes: int
    items_lost: int


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """Ways to cut many runs, the shortest makespan first.

    Attributes:
        now: A run per partition, as Dagster queues them by default, as the job is now; None where
            the target has no executor of its own.
        config_only: The best cut that changes neither ops nor partitions per run.
        snippets: What to paste for the best cut, by place.
        notes: What the figures leave out.
        cautions: What to know first: the executor, and which figures of it are known.
    """

    target: str
    backfill: Backfill
    cuts: tuple[RunCut, ...]
    now: RunCut | None
    config_only: RunCut | None
    snippets: Mapping[str, str]
    notes: tuple[str, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """What a plan counts for each run, in seconds: as `BackfillTimes` has it of runs that were."""

    place_s: float
    start_s: float
    run_s: float


@dataclass(frozen=True, slots=True)
class BackfillTimes:
    """What the runs of a backfill took, from their events.

    Attributes:
        job: Of its newest run.
        runs: Runs that it has in the instance.
        runs_at_once: Most of them that held a place in parallel.
        queued: How many went through the queue.
        queue_s: In the queue.
        place_s: From when a place was free until the next run left the queue.
        start_s: From then until the job began: pod or process, Python, the definitions.
        run_s: From there to the end.
        makespan_s: From the first run's begin in the queue to the last end.
        predicted_s: The plan's prediction of it from a profile that is not of these runs; None:
            there is none, or no model of their way.
        planned: The mean wait with a free place, start and run of which it is made.
        as_started_s: The same prediction with the waits and starts of these runs.
    """

    backfill_id: str
    job: str
    runs: int
    succeeded: int
    runs_at_once: int
    queued: int
    queue_s: Spread
    place_s: Spread
    start_s: Spread
    run_s: Spread
    makespan_s: float
    predicted_s: Interval | None = None
    planned: PlannedRun | None = None
    as_started_s: Interval | None = None
