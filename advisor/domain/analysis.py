"""What past runs tell: phases, parallelism, what went wrong, and whether things changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from advisor.domain.backfill import BackfillTimes
from advisor.domain.cluster import PodTimes
from advisor.domain.finding import Severity
from advisor.domain.observed import RunStatus
from advisor.domain.overhead import DelegatedOverhead, InProcessOverhead, MultiprocessOverhead
from advisor.domain.quantities import Interval, Spread

Phase = Literal[
    "wait for a slot",
    "launch",
    "import and plan",
    "resources",
    "log capture",
    "load",
    "compute",
    "store",
    "tail",
]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""In the order in which a step goes through them. ``tail`` is the time from a step's last event
until the executor has given its slot to the next step: the child's exit and the parent's polls."""

OpRole = Literal["fan-out", "mapped", "collect", "other"]
DriftQuantity = Literal["work", "overhead"]


@dataclass(frozen=True, slots=True)
class PhaseStatistics:
    """One phase over all steps of an op: seconds a step, and in all."""

    phase: Phase
    spread_s: Spread
    total_s: float
    steps: int


@dataclass(frozen=True, slots=True)
class OpStatistics:
    """One op of one or more runs under the same executor.

    Attributes:
        op: Its step key without a mapping key.
        role: What it does in the dynamic graph, as far as the log shows.
        steps: Steps that ended, in all runs.
        attempts: Attempts, retries included.
        failed: Attempts that failed or were retried.
        phases: In the order of :data:`PHASES`; one that the log does not show is absent.
        slot_s: From the slot given to the end, a step.
        way: Executor and start method: what the statistics are grouped by.
    """

    op: str
    role: OpRole
    executor: str
    steps: int
    attempts: int
    failed: int
    phases: tuple[PhaseStatistics, ...]
    slot_s: Spread
    way: str = ""

    def phase(self, name: Phase) -> PhaseStatistics | None:
        """The statistics of one phase, None where the log does not show it."""
        return next((phase for phase in self.phases if phase.phase == name), None)

    def median_s(self, *names: Phase) -> float:
        """Sum of the phases' medians; a phase that the log does not show counts 0."""
        return sum(phase.spread_s.median for phase in self.phases if phase.phase in names)


@dataclass(frozen=True, slots=True)
class Parallelism:
    """How parallel the mapped part of a run really was.

    Attributes:
        configured: Steps at once as configured; None: left to the executor's default.
        holding_peak: Most steps that held a slot at once (launching included).
        working_peak: Most steps that were at work (loading, computing, storing) at once.
        working_mean: Steps at work, averaged over the mapped part of the run.
        overlap: Share of the time with a step at work in which a second one was too.
        window_s: From the first mapped step's slot to the last mapped step's end.
    """

    configured: int | None
    holding_peak: int
    working_peak: int
    working_mean: float
    overlap: float
    window_s: float

    @property
    def slots(self) -> int:
        """Slots that the run could use: as configured, else as many as were ever held."""
        return max(1, self.configured or self.holding_peak)


@dataclass(frozen=True, slots=True)
class Totals:
    """A run's wall clock against the work in it, as in the seed's table.

    Attributes:
        makespan_s: From the run's start to its last event.
        work_s: Computing of all steps, summed.
        overhead_s: ``makespan_s - work_s``; below 0 where parallelism more than pays for it.
        overhead_ratio: ``makespan_s / work_s``; None without work.
        speed_up: ``work_s / makespan_s``: against the bare work one after another.
        efficiency: ``speed_up`` over the slots.
        slot_seconds: Slots times makespan: what the run had to work with.
    """

    makespan_s: float
    work_s: float
    overhead_s: float
    overhead_ratio: float | None
    speed_up: float
    efficiency: float
    slot_seconds: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What made a run slow or fail, with the run's own figures, and what to do.

    Attributes:
        code: Stable (``RUN003``).
        kind: Its name in words, stable (``imports-dominate-launch``).
        evidence: Figures from this run, one sentence each.
        gain_s: Predicted gain of the remedy in seconds of this run; None where no figure of the
            run tells it.
        formula: How ``gain_s`` follows from the evidence.
        at_most: Whether the gain is an upper bound.
    """

    code: str
    kind: str
    severity: Severity
    message: str
    evidence: tuple[str, ...]
    remedy: str
    gain_s: float | None = None
    formula: str = ""
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class GanttBar:
    """One step in the chart; seconds since the run began.

    Attributes:
        work_start_s, work_end_s: Bounds of its work (loading to storing); None where it never came
            to it.
        code_start_s, code_end_s: Bounds of the op's own code in it; None where the log lacks them.
        ready_s: When all that it depends on had ended; None where the log does not tell.
        free_s: When its slot was taken by a step that waited for it: the process's exit and the
            executor's polls lie between; None where no step waited.
    """

    step_key: str
    lane: int
    begin_s: float
    end_s: float
    work_start_s: float | None
    work_end_s: float | None
    failed: bool = False
    code_start_s: float | None = None
    code_end_s: float | None = None
    ready_s: float | None = None
    free_s: float | None = None


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """One run, analyzed."""

    run_id: str
    job: str
    status: RunStatus
    executor: str
    start_method: str | None
    started_at_s: float
    items: int
    events: int
    ops: tuple[OpStatistics, ...]
    parallelism: Parallelism
    totals: Totals
    diagnoses: tuple[Diagnosis, ...]
    bars: tuple[GanttBar, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DelegatedWay:
    """A way to run under an executor that cannot be run here, advised from its own history.

    Attributes:
        batch_size: Items in a step; above 1 the code must change.
        predicted_s: Makespan, as the model of clusters predicts it from what the runs show.
        pods: Pods, containers or tasks that it starts.
        current: Whether the newest run went so.
    """

    executor: str
    max_concurrent: int
    batch_size: int
    predicted_s: Interval
    pods: int
    current: bool = False


@dataclass(frozen=True, slots=True)
class ObservedOverhead:
    """A calibration of the place where the runs happened, read from their logs.

    Attributes:
        in_process: None where no run was in process.
        multiprocess: By ``spawn``, ``forkserver``, ``warm_forkserver``.
        delegated: By executor.
        notes: What the logs cannot tell, and what was assumed.
    """

    in_process: InProcessOverhead | None = None
    multiprocess: Mapping[str, MultiprocessOverhead] = field(default_factory=dict)
    delegated: Mapping[str, DelegatedOverhead] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """One run beside its prediction.

    Attributes:
        predicted_s: None where the profile holds no prediction of the way it ran.
        error: ``observed / predicted - 1``; None likewise.
        work_s: Median computing of an item.
        overhead_s: Median of all else that a mapped step held its slot for.
        comparable: Whether its duration is one to learn from (it succeeded).
        regret: Observed over what the advised way was predicted to take, less 1, at least 0;
            None where unknown.
    """

    run_id: str
    started_at_s: float
    way: str
    items: int
    observed_s: float
    predicted_s: Interval | None
    error: float | None
    work_s: float | None
    overhead_s: float | None
    comparable: bool = True
    regret: float | None = None


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Where a quantity changed its level.

    Attributes:
        run_id: First run of the new level.
        before_s, after_s: Medians on both sides.
        p_value: By permutation, over all places where it could be.
    """

    quantity: DriftQuantity
    run_id: str
    index: int
    before_s: float
    after_s: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Runs since the advice, oldest first, beside what it promised.

    Attributes:
        median_error: Median of the absolute errors of comparable runs; None without any.
        bias: Median of the signed errors.
        in_interval: Share of the runs inside their 90 % interval.
        changes: Changes found, at most one a quantity.
        false_alarm_rate: Of the whole test, where nothing changed.
        min_segment: Fewest runs on each side of a change.
        thin: Why the evidence is thin; None where it is enough.
    """

    points: tuple[DriftPoint, ...]
    median_error: float | None
    bias: float | None
    in_interval: float | None
    changes: tuple[ChangePoint, ...]
    false_alarm_rate: float
    min_segment: int
    thin: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that ``dynadvise analyze`` says.

    Attributes:
        runs: Newest first.
        combined: Ops over all runs, one entry an op and way.
        overhead: What the runs teach of their host or cluster.
        drift: Against a saved profile; None without one.
        ways: Other ways under k8s, docker or celery, best first; empty without such runs.
        saved_to: The profile that ``--save`` wrote.
        pods: What ``--pods`` told; None without it.
        backfill: What ``--backfill`` told; None without it.
    """

    instance: str
    runs: tuple[RunAnalysis, ...]
    combined: tuple[OpStatistics, ...]
    overhead: ObservedOverhead
    drift: Drift | None = None
    notes: tuple[str, ...] = ()
    saved_to: str | None = None
    ways: tuple[DelegatedWay, ...] = ()
    pods: PodTimes | None = None
    backfill: BackfillTimes | None = None
