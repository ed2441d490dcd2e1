"""What of a project fans out, and how each of it is named."""

from dataclasses import dataclass

from advisor.domain.workload import TargetKind


@dataclass(frozen=True, slots=True)
class ListedWorkload:
    """One job, asset, graph or op that fans out.

    Attributes:
        name: The job's name, the asset's key, or the variable of the graph or op.
        command: The whole command that measures it, as it is typed in the current folder.
        mapped_ops: Handles of the ops that run once per item.
        fan_outs: How many of its ops fan out.
        executor: What a run really gets, as in `ExecutorSetting`; None: it has no job.
        start_method: Of the multiprocess executor.
        max_concurrent: Steps in parallel; None: no limit.
        obstacle: What hinders the command, in one line; None: nothing that is seen.
        profile: Path of the newest saved profile; None: there is none.
        runs: Past runs in the instance; None: no instance, or it does not tell them apart.
    """

    kind: TargetKind
    name: str
    command: str
    mapped_ops: tuple[str, ...] = ()
    fan_outs: int = 1
    executor: str | None = None
    start_method: str | None = None
    max_concurrent: int | None = None
    obstacle: str | None = None
    profile: str | None = None
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class ListedLocation:
    """One code location of the project.

    Attributes:
        source: Its module or file.
        workloads: What fans out in it.
        other_jobs: How many further jobs it has.
        error: Why it cannot be loaded, with the place in the user's code; None where it can.
    """

    source: str
    workloads: tuple[ListedWorkload, ...] = ()
    other_jobs: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectListing:
    """What ``list`` tells; ``instance`` is the folder of the runs that were counted."""

    project: str
    locations: tuple[ListedLocation, ...]
    instance: str | None = None
