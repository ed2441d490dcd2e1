"""A finding of a rule: what is wrong in the user's job or configuration, and the remedy."""

from dataclasses import dataclass
from typing import Literal

from advisor.domain.workload import SourceLocation

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
"""From the least to the worst."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; ``code`` is stable (``DYN003``)."""

    code: str
    severity: Severity
    message: str
    remedy: str
    location: SourceLocation | None = None
    target: str | None = None
