"""What the model predicts of each candidate, and what it advises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.domain.candidate import Candidate
from advisor.domain.exclusions import Exclusion
from advisor.domain.fan_outs import FanOutAdvice, WholeRun
from advisor.domain.finding import Finding
from advisor.domain.quantities import Interval, Spread
from advisor.domain.rejection import Rejection
from advisor.domain.stopping import MeasuringEnd
from advisor.domain.trial import Trial, WorkerLimit
from advisor.domain.workload import Hotspot, WorkKind

Objective = Literal["time", "cost", "cost-cpu", "balanced"]
Change = Literal["config", "code"]
Environment = Literal["dev", "test", "prod"]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where a predicted makespan goes, in seconds that add up to its median.

    A step slot's time is split by what it does; the parts are means over the slots.
    ``idle_s`` is time in which a slot has nothing to run.
    """

    work_s: float
    launch_s: float
    serialize_s: float
    coordinate_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """A candidate with what the model says of it.

    Attributes:
        makespan_s: Wall clock from the call (or command) to its return.
        peak_memory_bytes: Resident bytes at the fullest moment: of all processes, their calls, and
            the values that they hold.
        core_seconds: CPU seconds used in all, parent and children.
        rented_core_seconds: What is paid for: the machine's cores, and what pods request, for as
            long as they are held; 0 in profiles of older versions.
        p_best: Share of resampled draws in which it is the best of all considered.
        expected_regret: Mean over the draws of (its makespan / the draw's best) - 1.
        allowed: Whether the environment and ``--change`` let the advice choose it.
        costs: What it costs the user besides time.
        reasons: Why it is as fast or slow as it is, in a user's words.
        pool_wait_s: Seconds of it in which a pool's slot stands empty though a step waits for it.
        rate_wait_s: Seconds of it in which nothing runs, since ``--max-rate`` allows no more.
        first_result_s: When the first item has passed its whole chain; None where a chain of
            mapped ops has one op, or its order was not looked at.
        intermediate_bytes: Results that wait for the chain's next op at once, at most.
        trial: Whether its workers and steps in parallel were seen to work.
    """

    candidate: Candidate
    makespan_s: Interval
    breakdown_s: Breakdown
    peak_memory_bytes: int
    core_seconds: float
    rented_core_seconds: float = 0.0
    p_best: float = 0.0
    expected_regret: float = 0.0
    allowed: bool = True
    costs: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    pool_wait_s: float = 0.0
    rate_wait_s: float = 0.0
    first_result_s: float | None = None
    intermediate_bytes: int = 0
    trial: Trial = Trial.TRIED


@dataclass(frozen=True, slots=True)
class Floors:
    """No way to run on this machine can be faster than these.

    ``critical_path_s`` is the longest chain of one item; ``perfect_parallel_s`` the CPU work
    over the cores; ``serial_s`` all items one after another, without any overhead.
    """

    critical_path_s: float
    perfect_parallel_s: float
    serial_s: float


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The item duration from which ``to_method`` beats ``from_method`` on this host.

    ``item_s`` is None where it never does within the range looked at.
    """

    from_method: str
    to_method: str
    item_s: float | None


@dataclass(frozen=True, slots=True)
class Crossings:
    """The break-even durations on a host for a number of items."""

    items: int
    crossings: tuple[BreakEven, ...]


@dataclass(frozen=True, slots=True)
class StartTimeRow:
    """The best way on a cluster where a pod takes so long to start, beside the run's own pod."""

    start_s: float
    candidate: Candidate
    makespan_s: float
    in_run_s: float


@dataclass(frozen=True, slots=True)
class WorkloadSummary:
    """The measured workload as the advice shows it (an item is its whole mapped chain).

    Attributes:
        samples: How many of the items were measured.
        errors_logged: How many of these logged an error while they were measured.
        not_included: Parts of the job whose seconds the predicted totals do not hold.
        resources_measured: Whether CPU, memory and bytes were measured; a log tells none of them.
        partition: That was measured; None where the job is not partitioned.
        retried: How many measured items failed at first and gave their result at a retry.
        events: That an item has Dagster record on average (materializations, observations, log
            lines, further outputs, hooks), beside every step's own: events, not work.
        hooks_s: What the hooks of an item's ops take, once in a step; not in ``wall_s``.
        branches: Handle of an op that some items skip to how many measured items took it.
    """

    items: int
    samples: int
    wall_s: Spread
    cpu_s: float
    first_call_extra_s: float
    input_bytes: int
    output_bytes: int
    peak_rss_bytes: int
    kind: WorkKind
    hotspots: tuple[Hotspot, ...] = ()
    category_shares: Mapping[str, float] = field(default_factory=dict)
    errors_logged: int = 0
    not_included: tuple[Exclusion, ...] = ()
    resources_measured: bool = True
    partition: str | None = None
    branches: Mapping[str, int] = field(default_factory=dict)
    events: float = 0.0
    retried: int = 0
    hooks_s: float = 0.0

    @property
    def waiting_share(self) -> float:
        """Share of an item's seconds in which it does not compute."""
        return 1.0 - min(1.0, self.cpu_s / max(self.wall_s.median, 1e-9))


@dataclass(frozen=True, slots=True)
class HostSummary:
    """The machine that the advice is for; ``memory_headroom`` is the share to leave free."""

    id: str
    cpus: float
    memory_bytes: int
    memory_headroom: float = 0.0


@dataclass(frozen=True, slots=True)
class NextMeasurement:
    """The one measurement that would settle the decision, where it is not sure yet."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Snippets:
    """Code to paste.

    Attributes:
        python: For the recommendation.
        run_config: YAML, for the best way that needs no change of code.
        definition: In place of ``run_config``, where the job's code fixes its executor: the
            executor in Python, for the job's definition.
    """

    python: str = ""
    run_config: str = ""
    definition: str = ""

    @property
    def definition_lines(self) -> int:
        """Lines of the job's definition that change, without comments."""
        lines = (line.strip() for line in self.definition.splitlines())
        return sum(1 for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True, slots=True)
class Advice:
    """The whole answer. Every renderer, snippet and gate is fed from it.

    Attributes:
        tie: Whether the recommendation was chosen as the simpler of a near tie.
        current: The job's own executor and config; None for a bare op, and where there is no
            model of it.
        start_times: What is best by the start time of a pod, where that is not known.
        start_crossing_s: The start time from which the run's own pod is as fast; None: there is
            none within reason, or the start time is known.
        own_way: The same without a prediction, also where there is no model of it.
        default: Dagster's default (multiprocess, spawn, ``cpu_count``), for comparison.
        cautions: What must be read before the advice is followed.
        limits: How many workers were seen to work, by kind, as far as they were probed.
        untried: The best way that may be faster but was not tried, or not checked.
        fan_outs: Of a job with several, in their order; the predictions are of the first alone.
        whole_run: With all of them; None where there is one.
        max_rate: Items per second that the advice keeps to; None: no limit.
        measuring: How the measuring ended; None where nothing was measured for it.
    """

    target: str
    dagster_version: str
    python_version: str
    objective: Objective
    change: Change
    environment: Environment
    host: HostSummary
    workload: WorkloadSummary
    recommendation: Prediction
    config_only: Prediction
    current: Prediction | None
    default: Prediction | None
    candidates: tuple[Prediction, ...]
    rejected: tuple[Rejection, ...]
    floors: Floors
    break_even: tuple[BreakEven, ...]
    snippets: Snippets = field(default_factory=Snippets)
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    tie: bool = False
    next_measurement: NextMeasurement | None = None
    measured_cost_s: float = 0.0
    op_executions: int = 0
    advised_at: str = ""
    cautions: tuple[str, ...] = ()
    limits: tuple[WorkerLimit, ...] = ()
    untried: Prediction | None = None
    own_way: Candidate | None = None
    measuring: MeasuringEnd | None = None
    start_times: tuple[StartTimeRow, ...] = ()
    start_crossing_s: float | None = None
    max_rate: float | None = None
    fan_outs: tuple[FanOutAdvice, ...] = ()
    whole_run: WholeRun | None = None

    @property
    def now(self) -> Prediction | None:
        """How it runs today: the job's own way, else Dagster's default."""
        return self.current or self.default

    @property
    def comparison(self) -> tuple[tuple[str, Prediction], ...]:
        """The ways that are laid side by side, each by its name; one may have several."""
        now = (("now", self.now),) if self.now is not None else ()
        return (*now, ("config only", self.config_only), ("best", self.recommendation))

    @property
    def runner_up(self) -> Prediction | None:
        """The best allowed way by another method than the recommended one; None: there is none."""
        method = self.recommendation.candidate.method
        others = (p for p in self.candidates if p.allowed and p.candidate.method != method)
        return next(others, None)
