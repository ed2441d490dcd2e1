"""What a measurement of a workload is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.domain.workload import WorkloadDescription


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """What to measure, and within which limits.

    Attributes:
        inputs: Sample inputs as ``--inputs`` names them; None: the job yields them, or the op's
            tag names them.
        items: Items in production; None: as many as there are.
        samples: Most different items to run; None: up to 40.
        item_timeout_s: Seconds after which one call counts as hung.
        setup, teardown: ``module:callable`` hooks, called in each process around its calls.
        flamegraph: Where to write pyinstrument's HTML.
        memory_limit_bytes: For each child with all it starts; None: 90 % of the machine's.
        each_item_once: Whether no item may run twice; probes and hot spots are then left out.
        fan_out_again: Whether the fan-out op may run in further processes, where the items that
            it yields cannot be pickled.
        further: Other fan-outs of the job, which are measured afterwards.
        measure_collect: Whether to run the collecting ops once, on the sampled outputs.
    """

    description: WorkloadDescription
    run_config: Mapping[str, object] | None = None
    inputs: str | None = None
    items: int | None = None
    samples: int | None = None
    item_timeout_s: float = 300.0
    setup: str | None = None
    teardown: str | None = None
    flamegraph: Path | None = None
    memory_limit_bytes: int | None = None
    each_item_once: bool = False
    fan_out_again: bool = False
    measure_collect: bool = False
    further: tuple[WorkloadDescription, ...] = ()
