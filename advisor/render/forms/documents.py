"""The JSON of each command."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from advisor.domain.advice import Advice
from advisor.domain.gate import GateReport, TargetCheck
from advisor.domain.verification import LeftOut, Verification
from advisor.render.forms.encoding import content
from advisor.render.forms.table import (
    DOCUMENTS,
    GateFinding,
    PrintedAdvice,
    RealRuns,
)
from advisor.render.verification import rows_of


def to_json(document: Any) -> dict[str, Any]:
    """What a command prints with ``--format json``, for one of the types of `DOCUMENTS`."""
    name = next(name for name, kind in DOCUMENTS.items() if kind is type(document))
    return {"schema": f"dynadvise/{name}", "version": 1, **content(document)}


def advice_to_json(
    advice: Advice, *, path: Path | None = None, emitted: str | None = None
) -> dict[str, Any]:
    """The advice; ``path`` is where its profile was saved, ``emitted`` the snippet asked for."""
    profile = None if path is None else str(path)
    return to_json(PrintedAdvice(advice, profile, emitted))


def check_to_json(report: GateReport) -> dict[str, Any]:
    """What ``check --format json`` prints; a bound that is not finite is null."""

    def judged(target: TargetCheck) -> TargetCheck:
        findings = (
            GateFinding(
                *(getattr(finding, part.name) for part in fields(finding)),
                fails=report.fails(finding),
            )
            for finding in target.findings
        )
        return replace(target, findings=tuple(findings))

    report = replace(report, targets=tuple(map(judged, report.targets)))
    document = json.dumps(to_json(report))
    return json.loads(document, parse_constant=lambda _: None)  # type: ignore[no-any-return]


def verification_to_json(
    verifications: Sequence[Verification], job: str, *, left_out: Iterable[LeftOut] = ()
) -> dict[str, Any]:
    """What ``verify --format json`` prints."""
    return to_json(RealRuns(job, rows_of(verifications), tuple(left_out)))
