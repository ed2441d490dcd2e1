"""Real runs of a workload under chosen candidates, beside what was predicted."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.domain.candidate import Candidate
from advisor.domain.quantities import Interval


@dataclass(frozen=True, slots=True)
class VerifiedRun:
    """One real run. ``failed`` holds the reason where it did not succeed."""

    candidate: Candidate
    wall_s: float
    work_s: float
    parent_cpu_s: float
    child_cpu_s: float
    started_at: str
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """One candidate: its real runs and the prediction made before them."""

    name: str
    candidate: Candidate
    predicted_s: Interval | None
    runs: tuple[VerifiedRun, ...]
