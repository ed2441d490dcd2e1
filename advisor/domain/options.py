"""What a user asks: one dataclass for a group of options, composed by the use cases."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from advisor.domain.advice import Change, Environment, Objective
from advisor.domain.backfill import DEQUEUE_INTERVAL_S
from advisor.domain.cluster import Cluster
from advisor.domain.errors import ConfigurationError

LEAST_NUMBER, MOST_NUMBER = 1e-6, 1e9
"""Of what a user gives: a service that takes one item in 12 days, 30 years of seconds."""

BOUNDS = f"from {LEAST_NUMBER:f} to {MOST_NUMBER:,.0f}"

MOST_ITEMS = 1_000_000
"""Most items of one run that are predicted: a million take some 20 s and 450 MB, and Dagster's own
plan grows with them."""


def checked_count(items: int) -> int:
    """The number of items of a run, as it is.

    Raises:
        ConfigurationError: There are none, or too many for one run.
    """
    if 1 <= items <= MOST_ITEMS:
        return items
    raise ConfigurationError(
        f"{items:,} items in one run cannot be predicted: 1 to {MOST_ITEMS:,} can.",
        hint="Cut them into several runs: `dynadvise plan --partitions`." if items else None,
    )


TABLE = "tool.dynadvise"
"""The table of the project's settings in pyproject.toml."""

MEMORY_HEADROOM = 0.15
"""Share of the memory that the advice leaves free: peaks are known from a few calls, and other
programs need some."""


@dataclass(frozen=True, slots=True)
class DescribedHost:
    """A described machine; None: as on this one."""

    cores: float | None = None
    memory_bytes: int | None = None
    cpu_count: int | None = None


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """Which code, on which inputs.

    Attributes:
        target: As the user spelled it, ``module:name`` or ``file.py:name``.
        job: Job of the module's ``Definitions``, where the target names no attribute.
        asset: Key of an asset of them, likewise.
        inputs: File or ``module:callable`` with sample inputs.
        run_config: Dagster run config file (YAML) for ops and resources.
        partition: Key of the partition to run; None: the last one.
        working_directory: Importable folder, as for Dagster's own command line.
    """

    target: str
    job: str | None = None
    inputs: str | None = None
    run_config: Path | None = None
    partition: str | None = None
    working_directory: Path | None = None
    asset: str | None = None


@dataclass(frozen=True, slots=True)
class AdviseOptions:
    """How to advise from measurements; nothing is run.

    Attributes:
        items: Items in production; None: as many as the profile says.
        cores: Cores of the machine to advise for; None: those of the profile's host.
        memory_bytes: Its memory, likewise.
        memory_headroom: Share of it that the advice leaves free.
        max_connections: Most items in parallel that may hold a database connection; None: no
            limit.
        max_rate: Items per second that the service behind the op allows; None: no limit.
        cpu_count: What ``multiprocessing.cpu_count()`` says there, which is Dagster's default
            ``max_concurrent``; None: its cores.
        host: Name of the described machine in ``[tool.dynadvise.hosts]``, for display.
        cluster_name: Name of the described cluster in ``[tool.dynadvise.clusters]``.
        cluster: What is described there.
    """

    items: int | None = None
    cores: float | None = None
    memory_bytes: int | None = None
    memory_headroom: float = MEMORY_HEADROOM
    objective: Objective = "time"
    change: Change = "code"
    environment: Environment = "prod"
    max_connections: int | None = None
    max_rate: float | None = None
    host: str | None = None
    cpu_count: int | None = None
    cluster_name: str | None = None
    cluster: Cluster | None = None

    def default_concurrent(self, cpu_count_here: int) -> int:
        """Steps in parallel where Dagster's config sets none, on the machine asked about."""
        there = math.ceil(self.cores) if self.cores else cpu_count_here
        return self.cpu_count or there


class Storing(Enum):
    """Which of a project's own IO managers may store what measured calls give.

    One that names what it keeps by the run replaces nothing that another run has kept.
    """

    NONE = "none"
    BY_RUN = "those that keep values by run"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """What may be run for measuring, and how long.

    Attributes:
        samples: Most items to run; None: as many as the budget allows.
        budget_s: Most seconds that the measuring may take in all.
        allow_side_effects: True: all ops of the job may be run again, also the fan-out op, and any
            IO manager is used; False: no op runs twice, each item at most once, and no IO manager
            of the project's own is used; None: only the mapped ops run again.
        measure_collect: Whether to run the collecting ops on the sampled outputs.
        setup, teardown: ``module:callable`` around the measured calls.
        item_timeout_s: Longest that one item may take before it counts as hung.
        flamegraph: Where to write pyinstrument's HTML.
        recalibrate: Whether to measure the host again though a calibration is cached.
        scratch_postgres: URL of a Postgres or MySQL server on which the host is calibrated, in a
            database that is made for it and dropped; None: on SQLite.
        precision: Half the width that the advised way's interval shall have at most, over its
            median; None: what the machine's noise allows without further runs.
        fast: Whether to end with the first answer.
        spend_budget: Whether to use the whole budget, also once the advice is settled.
    """

    samples: int | None = None
    budget_s: float = 60.0
    allow_side_effects: bool | None = None
    measure_collect: bool = False
    setup: str | None = None
    teardown: str | None = None
    item_timeout_s: float = 300.0
    flamegraph: Path | None = None
    recalibrate: bool = False
    scratch_postgres: str | None = None
    precision: float | None = None
    fast: bool = False
    spend_budget: bool = False

    @property
    def storing(self) -> Storing:
        """Which IO managers of the project's own may be used."""
        if self.allow_side_effects is None:
            return Storing.BY_RUN
        return Storing.ANY if self.allow_side_effects else Storing.NONE


@dataclass(frozen=True, slots=True)
class ProfilesOptions:
    """Where profiles live, and whether to write them."""

    folder: Path = Path("profiles")
    save: bool = True


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What ``profile`` is asked."""

    workload: WorkloadOptions
    advise: AdviseOptions = field(default_factory=AdviseOptions)
    measure: MeasureOptions = field(default_factory=MeasureOptions)
    profiles: ProfilesOptions = field(default_factory=ProfilesOptions)


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What ``verify`` is asked.

    Attributes:
        configurations: What to run: ``advised``, ``grid`` ..., or as
            `advisor.domain.candidate.read_candidate` reads it.
        run_timeout_s: Longest that one run may take; None: ten times what is predicted, and
            two minutes at least.
        seed: Of the order in which the configurations take turns.
        setup: ``module:callable``, called before each run, in its process.
        scratch_postgres: URL of a Postgres or MySQL server: each run's instance has a database
            there, made for it and dropped; None: on SQLite.
    """

    workload: WorkloadOptions
    profiles: ProfilesOptions = field(default_factory=ProfilesOptions)
    configurations: tuple[str, ...] = ("advised", "config-only", "current", "default")
    repeats: int = 3
    run_timeout_s: float | None = None
    seed: int = 0
    setup: str | None = None
    scratch_postgres: str | None = None


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What ``plan`` is asked.

    Attributes:
        advise: As for ``recommend``; its items are those of one partition.
        runs_at_once: Most runs in parallel; None: up to 16.
        run_start_s: From a run's dequeuing until its job begins; None: as measured here.
        dequeue_interval_s: How often the daemon looks at the queue.
    """

    partitions: int
    advise: AdviseOptions = field(default_factory=AdviseOptions)
    runs_at_once: int | None = None
    run_start_s: float | None = None
    dequeue_interval_s: float = DEQUEUE_INTERVAL_S


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What ``list`` is asked.

    Attributes:
        project: A folder, module, file or workspace.yaml; None: the current folder's project.
        working_directory: Importable folder; None: the current one.
        instance: Dagster instance whose runs are counted; None: they are not.
    """

    project: str | None = None
    working_directory: Path | None = None
    instance: Path | None = None
    profiles: Path = Path("profiles")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """In which form a command answers, in which file (None: on stdout), and whether in full."""

    form: str
    output: Path | None
    details: bool = False


DEFAULT_PAIRS = 20
DEFAULT_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What ``check`` is asked.

    Attributes:
        targets: As the user spelled them.
        job: Job of the module's ``Definitions``, where a target names no attribute.
        base: Revision to compare with; None: the committed profile.
        static: Whether to run the static rules alone.
        failing: Severities and codes that fail the gate.
        ignore: Codes that are not reported.
        max_regression: Largest accepted slowdown of an op, as a fraction.
        max_regret: Largest accepted expected regret of the job's configuration, likewise.
        pairs: Most pairs of fresh processes for a target.
        inputs: Target to its sample inputs (a file, or ``module:callable``).
        items: Items in production, by target; the key ``*`` holds for all others.
        run_config: Dagster run config file (YAML) for ops and resources.
        samples: Most items on which the ops are called.
        item_timeout_s: Longest that one call may take.
        seed: Of the order inside the pairs; None: by the clock.
        working_directory: Importable folder, as for Dagster's own command line.
        helm: Helm values files to check as well.
        helm_schema: The chart's own schema, ``values.schema.json``.
        clusters: Described ones, on which the jobs may run.
        advise: What the configuration is laid beside: a gate must not fail because nobody has
            rewritten the job, so ``code`` only where the project says so.
    """

    targets: tuple[str, ...]
    job: str | None = None
    base: str | None = None
    static: bool = False
    failing: tuple[str, ...] = ("error",)
    ignore: tuple[str, ...] = ()
    max_regression: float = 0.10
    max_regret: float = 0.15
    pairs: int = DEFAULT_PAIRS
    inputs: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    run_config: Path | None = None
    samples: int = DEFAULT_SAMPLES
    profiles_dir: Path = Path("profiles")
    item_timeout_s: float = 300.0
    seed: int | None = None
    working_directory: Path | None = None
    helm: tuple[Path, ...] = ()
    helm_schema: Path | None = None
    clusters: tuple[Cluster, ...] = ()
    advise: AdviseOptions = field(default_factory=lambda: AdviseOptions(change="config"))

    @property
    def folder(self) -> Path:
        """The importable folder, absolute."""
        return (self.working_directory or Path.cwd()).resolve()
