"""The JSON of ``verify``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from advisor.domain.candidate import Candidate
from advisor.domain.verification import LeftOut, RunContent, Verification
from advisor.render.forms.encoding import plain, same_parts
from advisor.render.verification import VerifiedRow, rows_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RealRunForm:
    """One real run; ``failed`` is the reason where it did not succeed.

    ``unlike`` is the reason where it did other work than the others and is not compared.
    """

    wall_s: float
    work_s: float
    parent_cpu_s: float
    child_cpu_s: float
    started_at: str
    failed: str | None
    content: RunContent | None
    unlike: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationForm(VerifiedRow):
    """One configuration in figures, with its runs."""

    candidate: Candidate
    measured: tuple[RealRunForm, ...]


@dataclass(frozen=True, slots=True)
class LeftOutForm:
    """A configuration that was not run, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationForm:
    """Real runs beside their predictions (``verify``), fastest first."""

    schema: Literal["dynadvise/verification"] = "dynadvise/verification"
    version: Literal[1] = 1
    job: str
    configurations: tuple[ConfigurationForm, ...]
    left_out: tuple[LeftOutForm, ...]


def verification_to_json(
    verifications: Iterable[Verification], job: str, *, left_out: Iterable[LeftOut] = ()
) -> dict[str, Any]:
    """What ``verify --format json`` prints."""
    by_name = {verification.name: verification for verification in verifications}
    configurations = tuple(
        ConfigurationForm(
            **same_parts(row, VerifiedRow),
            candidate=by_name[row.name].candidate,
            measured=tuple(
                RealRunForm(**same_parts(run, RealRunForm)) for run in by_name[row.name].runs
            ),
        )
        for row in rows_of(tuple(by_name.values()))
    )
    omitted = tuple(LeftOutForm(name, reason) for name, reason in left_out)
    return plain(VerificationForm(job=job, configurations=configurations, left_out=omitted))
