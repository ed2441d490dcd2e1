"""What may still be measured, what each of it would tell, and why measuring ended."""

from dataclasses import dataclass
from enum import Enum

CROWDED = 2.0
"""Processes a core that want it, on average, from which figures are doubtful; the measuring itself
is one or two of them."""
MODULE = "module"
"""Instead of a method: all of them, with the user's module in their steps."""


class StopReason(str, Enum):
    """Why measuring ended."""

    SETTLED = "settled"
    BUDGET = "budget"
    NOTHING_LEFT = "nothing left"
    INTERRUPTED = "interrupted"


class PartKind(str, Enum):
    """Kinds of parts that a measurement is made of, after the first answer."""

    SAMPLES = "more samples"
    FIRST_CALL = "a first call in a fresh process"
    PRELOADED_CALL = "a first call with its imports preloaded"
    THREADS = "items in parallel as threads"
    PROCESSES = "items in parallel as processes"
    ONE_THREAD = "items with one thread each"
    METHOD = "a tiny run of a method that is not calibrated"
    MOMENT = "a tiny run at another moment"
    HOT_SPOTS = "hot spots under pyinstrument"


@dataclass(frozen=True, slots=True)
class Unknown:
    """What one part would tell.

    Attributes:
        workers: Of a probe: how many in parallel it tries.
        method: Of a calibration: its name in the host's profile.
    """

    kind: PartKind
    workers: int = 0
    method: str = ""


@dataclass(frozen=True, slots=True)
class MeasuringEnd:
    """How the measuring of a profile ended.

    Attributes:
        spent_s: Seconds since it began.
        load: The machine's mean load while measuring (processes that want a core); None where the
            system does not tell.
        skipped: Parts that were not measured, since they could not change the advice.
        needed_s: Seconds until the first answer, where they passed the budget; else 0.
        starting_s: Of them, those of starting Python and importing the target.
    """

    reason: StopReason
    spent_s: float
    load: float | None = None
    skipped: tuple[str, ...] = ()
    needed_s: float = 0.0
    starting_s: float = 0.0

    def is_crowded(self, cores: float) -> bool:
        """Whether others had so much of the machine's cores that every figure is doubtful."""
        return self.load is not None and self.load > CROWDED * max(cores, 1.0)
