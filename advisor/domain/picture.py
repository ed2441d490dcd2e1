"""A simulated run as a picture: which slot does what, when."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from advisor.domain.candidate import Candidate

BarPhase = Literal["start", "work", "store", "exit", "failed"]
"""A step starts; the user's code; loading, storing and events; its process exits; an attempt that
failed."""


class Bar(NamedTuple):
    """A stretch of one slot."""

    slot: int
    begin_s: float
    end_s: float
    phase: BarPhase
    name: str = ""


@dataclass(frozen=True, slots=True)
class RunPicture:
    """One way's simulated run.

    Attributes:
        name: What the advice calls the way: ``now``, ``config only``, ``best``.
        bars: Of all slots; of a run with very many steps, of its first ones.
        makespan_s: Of the whole run.
        share: How much of the steps the bars show.
    """

    name: str
    candidate: Candidate
    bars: tuple[Bar, ...]
    makespan_s: float
    share: float = 1.0
