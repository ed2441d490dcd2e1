"""What was tried in parallel, and whether it gave what items give alone."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Agreement(str, Enum):
    """Whether items gave in parallel what each gives alone."""

    SAME = "same"
    DIFFERS = "differs"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results of items in parallel beside those of the same items alone, part by part.

    Attributes:
        reason: Why nothing could be compared; empty where it was.
        item: Place of the first item that differs, among all items.
        fields: Its parts that differ: dictionary keys, attributes and places in sequences.
        left_out: Parts that differ between two calls alone, and so tell nothing.
    """

    agreement: Agreement = Agreement.NOT_COMPARED
    reason: str = "the profile is of an older version"
    item: int | None = None
    fields: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def difference(self) -> str:
        """Where results differ, in words."""
        parts = [field for field in self.fields if field]
        where = f" in {', '.join(map(repr, parts[:3]))}" if parts and parts != ["all of it"] else ""
        return f"item {self.item} differs{where} from its call alone"


NOT_COMPARED = Comparison()
"""Of a profile that an older version measured."""


class Trial(str, Enum):
    """What is known of a way's items in parallel, the best first."""

    TRIED = "tried"
    NOT_TRIED = "not tried"
    NOT_CHECKED = "not checked"
    TOO_FAR = "more than twice what was tried"
    FAILED = "failed"
    DIFFERS = "gives other results"

    @property
    def considered(self) -> bool:
        """Whether it may be predicted and shown."""
        return self not in (Trial.TOO_FAR, Trial.FAILED, Trial.DIFFERS)


@dataclass(frozen=True, slots=True)
class WorkerLimit:
    """How many workers of one kind were seen to work.

    Attributes:
        kind: Threads or processes.
        probed: Whether any number was tried.
        worked: The largest number that ran without harm.
        checked: The largest number of which the results were compared, and are the same; 1 where
            those of more differ.
        harm: `Trial.FAILED` or `Trial.DIFFERS` where more did harm.
        harmed_at: The smallest number that did; results that differ rule out every number.
        reason: What failed or differs.
        evidence: The same with values and messages of the user's: for the terminal alone.
        unchecked: Why the results of the largest number that worked were not compared.
    """

    kind: Literal["thread", "process"]
    probed: bool = False
    worked: int = 1
    checked: int = 1
    harm: Trial | None = None
    harmed_at: int = 0
    reason: str = ""
    evidence: str = ""
    unchecked: str = ""


NO_THREADS, NO_PROCESSES = WorkerLimit("thread"), WorkerLimit("process")
"""Limits of what was never probed."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Items per second, after so many calls that were let through faster (a token bucket's)."""

    per_s: float
    after_calls: int = 0
