"""The JSON of ``calibrate``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from advisor.domain.advice import BreakEven
from advisor.domain.host import (
    CheaperStep,
    HostFacts,
    HostProfile,
    OverheadModel,
    PreloadList,
    StorageSample,
)
from advisor.render.forms.advice import BreakEvenForm, break_even_forms
from advisor.render.forms.encoding import plain, same_parts


@dataclass(frozen=True, slots=True)
class CrossingsForm:
    """The break-even durations for a number of items."""

    items: int
    crossings: tuple[BreakEvenForm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationForm:
    """A host's calibration (``calibrate``)."""

    schema: Literal["dynadvise/calibration"] = "dynadvise/calibration"
    version: Literal[1] = 1
    host: HostFacts
    storage: str
    user_module: str | None
    calibrated_at: str
    cost_s: float
    preload: PreloadList
    overhead: OverheadModel
    cheaper_steps: tuple[CheaperStep, ...]
    storing: tuple[StorageSample, ...]
    unmeasured: Mapping[str, str]
    break_even: tuple[CrossingsForm, ...]


def calibration_to_json(
    host: HostProfile,
    overhead: OverheadModel,
    break_even: Iterable[tuple[int, tuple[BreakEven, ...]]],
) -> dict[str, Any]:
    """What ``calibrate --format json`` prints; ``break_even`` is by number of items."""
    parts = same_parts(host, CalibrationForm) | {
        "host": host.facts,
        "overhead": overhead,
        "break_even": tuple(CrossingsForm(n, break_even_forms(rows)) for n, rows in break_even),
    }
    return plain(CalibrationForm(**parts))
