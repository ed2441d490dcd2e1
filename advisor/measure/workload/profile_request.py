"""What a measurement of a workload is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.domain.options import MeasureOptions
from advisor.domain.workload import WorkloadDescription


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """What to measure, and within which limits.

    Attributes:
        inputs: Sample inputs as ``--inputs`` names them; None: the job yields them, or the op's
            tag names them.
        items: Items in production; None: as many as there are.
        memory_limit_bytes: For each child with all it starts; None: 90 % of the machine's.
        further: Other fan-outs of the job, which are measured afterwards.
    """

    description: WorkloadDescription
    run_config: Mapping[str, object] | None = None
    inputs: str | None = None
    items: int | None = None
    options: MeasureOptions = field(default_factory=MeasureOptions)
    memory_limit_bytes: int | None = None
    further: tuple[WorkloadDescription, ...] = ()

    @property
    def each_item_once(self) -> bool:
        """Whether no item may run twice; probes and hot spots are then left out."""
        return self.options.allow_side_effects is False

    @property
    def fan_out_again(self) -> bool:
        """Whether the fan-out op may run in further processes, to yield what cannot be pickled."""
        return self.options.allow_side_effects is True
