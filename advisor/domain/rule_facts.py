"""What the static rules judge: facts of the job, the instance and the machine, nothing run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from advisor.domain.advice import Advice
from advisor.domain.cluster import Cluster
from advisor.domain.host import HostFacts
from advisor.domain.workload import SourceLocation, WorkloadDescription

POD_TAG = "dagster-k8s/config"
"""Of an op: its pods' resources; of a job: those of the run's own pod."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What a loaded job shows beyond its description.

    Attributes:
        memory_io_managers: Resource keys of IO managers that keep values in memory, of those
            that the fan-out, the mapped and the collecting ops use.
        unloadable_preloads: Module of the preload list to the reason why it does not load.
        unguarded_execute_job: Where the target's file calls ``execute_job`` when it is imported.
        executor_config: The executor's own settings; never stored, for it may name secrets.
        pod_tags: By op, its ``dagster-k8s/config``; never stored either.
        docker_arguments: Names that docker-py takes for a container; empty where none is made.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    memory_io_managers: tuple[str, ...] = ()
    unloadable_preloads: Mapping[str, str] = field(default_factory=dict)
    unguarded_execute_job: SourceLocation | None = None
    executor_config: Mapping[str, Any] = field(default_factory=dict)
    pod_tags: Mapping[str, str] = field(default_factory=dict)
    docker_arguments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What the user's instance sets.

    Attributes:
        default_pool_limit: Limit of pools without one of their own; None: unlimited.
        pool_granularity: ``op`` or ``run``; None where the instance does not say.
        run_retries: Retries of a failed run, by default; 0: none.
        deadlocking_loggers: Managed loggers by which a step on this instance can wait for ever.
        pools_known: Whether the limits could be read (a server's storage is not asked).
        run_tag_limits: Tag keys whose runs are limited.
        packages: Versions of the packages that its storage needs, as far as they are installed.
    """

    pool_limits: Mapping[str, int] = field(default_factory=dict)
    default_pool_limit: int | None = None
    pool_granularity: str | None = None
    run_retries: int = 0
    deadlocking_loggers: tuple[str, ...] = ()
    pools_known: bool = True
    run_tag_limits: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProfiledFacts:
    """The job and its host as they were when the committed profile was made.

    Attributes:
        max_regret: Predicted slowdown against its advice, as a share, from which the job's own
            executor config is an error.
    """

    description: WorkloadDescription
    host: HostFacts
    max_regret: float


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """All that a rule may look at; a part that is not known is None, and its rules are silent.

    ``step_peak_bytes``: measured memory of a process that runs one item, at its peak.
    ``clusters``: as described, on which the job may run.
    """

    description: WorkloadDescription
    host: HostFacts | None = None
    job: JobFacts | None = None
    instance: InstanceFacts | None = None
    advice: Advice | None = None
    profiled: ProfiledFacts | None = None
    step_peak_bytes: int | None = None
    clusters: tuple[Cluster, ...] = ()

    @property
    def own_clusters(self) -> Iterator[Cluster]:
        """Those that are described with the job's executor."""
        setting = self.description.executor
        return (each for each in self.clusters if setting and each.executor == setting.executor)


@dataclass(frozen=True, slots=True)
class HelmChart:
    """The official chart, as a user has it.

    Attributes:
        defaults: Its ``values.yaml``; None where that is not there.
        template_paths: Keys down to what its templates read by name, and those above it.
    """

    place: str
    schema: Mapping[str, Any]
    defaults: Mapping[str, Any] | None = None
    template_paths: frozenset[tuple[str | int, ...]] = frozenset()


@dataclass(frozen=True, slots=True)
class HelmValues:
    """A Helm values file.

    Attributes:
        file: As the user spelled it.
        lines: By the keys and places down to a value, the line on which its key stands.
        chart: What it is for; None where nobody has it here.
    """

    file: str
    values: Mapping[str, Any]
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)
    chart: HelmChart | None = None
