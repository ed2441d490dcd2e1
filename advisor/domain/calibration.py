"""What a calibration tells of a host."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.domain.advice import Crossings
from advisor.domain.host import HostProfile
from advisor.domain.overhead import OverheadModel


@dataclass(frozen=True, slots=True)
class Calibration:
    """A host's calibration (``calibrate``): what was measured, fitted, and follows from it."""

    host: HostProfile
    overhead: OverheadModel
    break_even: tuple[Crossings, ...] = ()
