"""The JSON of ``scan``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from advisor.domain.scan import Scan, ScannedJob
from advisor.render.forms.encoding import plain, same_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanForm:
    """Every job of an instance with runs in the last ``days``, most to be saved first."""

    schema: Literal["dynadvise/scan"] = "dynadvise/scan"
    version: Literal[1] = 1
    instance: str
    days: float
    jobs: tuple[ScannedJob, ...]
    unread: tuple[str, ...]


def scan_to_json(scan: Scan) -> dict[str, Any]:
    """The scan as plain JSON values."""
    return plain(ScanForm(**same_parts(scan, ScanForm)))
