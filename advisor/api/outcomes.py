"""What the use cases hand back, beside the domain's own values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advisor.domain.advice import Advice, Crossings
from advisor.domain.host import HostProfile, OverheadModel
from advisor.store import SavedProfile


@dataclass(frozen=True, slots=True)
class ProfileOutcome:
    """What ``profile`` found. ``path`` is None where nothing was saved."""

    advice: Advice
    saved: SavedProfile
    path: Path | None


@dataclass(frozen=True, slots=True)
class CalibrationOutcome:
    """What ``calibrate`` measured and fitted."""

    host: HostProfile
    overhead: OverheadModel
    break_even: tuple[Crossings, ...]
