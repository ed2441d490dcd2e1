"""Several fan-outs in one job: what was measured and is advised of each, and one total."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.candidate import Candidate
from advisor.domain.quantities import Interval, Spread
from advisor.domain.workload import WorkloadDescription, WorkloadProfile, output_name


@dataclass(frozen=True, slots=True)
class FurtherFanOut:
    """Another fan-out of a job than the one that its profile is of."""

    description: WorkloadDescription
    workload: WorkloadProfile

    @property
    def handle(self) -> str:
        """Of the op that fans out."""
        return self.description.fan_out.handle if self.description.fan_out else ""


def waits_for(description: WorkloadDescription, others: Sequence[WorkloadDescription]) -> list[str]:
    """Handles of the other fan-outs that end before this one begins."""
    needed = {op.handle for op in description.upstream}
    fan_outs = [other.fan_out.handle for other in others if other.fan_out]
    return [handle for handle in fan_outs if handle in needed]


def names_of(description: WorkloadDescription) -> set[str]:
    """The names by which another fan-out of the job may call this one."""
    if description.fan_out is None:
        return set()
    handle = description.fan_out.handle
    sources = (source for op in description.mapped for source in op.sources.values())
    return {handle, *(output_name(*source) for source in sources if source[0] == handle)}


def runs_again(description: WorkloadDescription, others: Sequence[WorkloadDescription]) -> bool:
    """Whether measuring it runs an op of another fan-out once more."""
    handles = [other.fan_out.handle for other in others if other.fan_out]
    own = description.fan_out.handle if description.fan_out else ""
    return handles.count(own) > 1 or bool(waits_for(description, others))


@dataclass(frozen=True, slots=True)
class FanOutAdvice:
    """One fan-out of several: its items, and how they are run under the executor of all.

    Attributes:
        op: Handle of the op that fans out.
        mapped: Handles of the ops that are mapped over its items.
        wall_s: Seconds per item.
        best: As advised for the run; batches and workers are its own.
        config_only: The same without a change of code.
        waits_for: Fan-outs that end before it begins.
    """

    op: str
    mapped: tuple[str, ...]
    items: int
    samples: int
    wall_s: Spread
    best: Candidate
    config_only: Candidate
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WholeRun:
    """Makespans of the run with all its fan-outs, each run as advised or as it is now."""

    best_s: Interval
    config_only_s: Interval
    now_s: Interval | None = None
